// What the page tells in passing: `status` is seen and read out, `announce` is read out only.

export const status = (text) => write("status", text);
export const announce = (text) => write("announce", text);

function write(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
}
