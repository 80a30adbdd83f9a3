// The Affective Slider: a slider that nobody touched says nothing. Touching it, even to leave it in
// the middle, ticks its box, which is then not needed in view.

const ZONES = ["very", "rather", "", "rather", "very"];

for (const slider of document.querySelectorAll(".slider")) {
  const range = slider.querySelector("input[type=range]");
  const box = slider.querySelector("input[type=checkbox]");
  box.required = false;
  box.closest("label").hidden = true;
  const tell = () => {
    const zone = Math.min(Math.floor(range.value / 20), 4);
    const end = zone < 2 ? range.dataset.low : range.dataset.high;
    const words = zone === 2 ? "in the middle" : `${ZONES[zone]} ${end}`;
    range.setAttribute("aria-valuetext", box.checked ? words : "not set");
    range.setCustomValidity(box.checked ? "" : "Move this slider, or skip.");
    slider.toggleAttribute("data-set", box.checked);
  };
  const touch = () => {
    box.checked = true;
    tell();
  };
  range.addEventListener("input", touch);
  range.addEventListener("pointerup", touch);
  range.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    touch();
  });
  tell();
}
