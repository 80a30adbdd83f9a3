// What a dialogue adds to a live page: Enter sends, openings fill the message, keys 1 to 8 choose a
// step and 0 is neither, and the time to decide is measured from the moment the replies are shown.

import { live } from "./live.js";

let step = "";
let shown = 0;

live((main) => {
  if (main.dataset.step !== step) {
    step = main.dataset.step;
    shown = performance.now();
  }
  main.toggleAttribute("data-keys", matchMedia("(hover: hover)").matches);
  for (const opening of main.querySelectorAll("[data-fill]")) openingButton(opening);
});

function openingButton(item) {
  const button = document.createElement("button");
  button.type = "button";
  button.dir = "auto";
  button.textContent = item.textContent;
  button.addEventListener("click", () => {
    const field = document.getElementById(item.dataset.fill);
    field.value = button.textContent;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  item.replaceChildren(button);
}

document.addEventListener(
  "submit",
  ({ target }) => {
    const field = target.querySelector("input[name=seconds]");
    if (field) field.value = ((performance.now() - shown) / 1000).toFixed(1);
  },
  { capture: true },
);

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const { key, target } = event;
  if (target.matches("[data-enter-sends]")) {
    if (key !== "Enter" || event.shiftKey || !matchMedia("(hover: hover)").matches) return;
    event.preventDefault();
    target.form.requestSubmit();
  } else if (!target.closest("dialog, textarea, input:not([type=radio])")) {
    choose(event, key);
  }
});

function choose(event, key) {
  const form = document.querySelector("form.compare");
  if (!form) return;
  if (/^[1-8]$/.test(key)) {
    const radio = form.querySelector(`#step-${key}`);
    radio.checked = true;
    radio.focus();
    radio.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (key === "0") {
    const neither = document.querySelector("details.neither");
    neither.open = true;
    neither.querySelector("input:not([type=hidden])").focus();
  } else if (key === "Enter" && !event.target.closest("a, button, summary, input")) {
    form.requestSubmit();
  } else {
    return;
  }
  event.preventDefault();
}
