// Tells the server every 30 s that this page is seen and in use, so that time is paid for. Quiet
// while the page is hidden, and after two minutes without a touch; waiting for replies is use.

const PERIOD = 30_000; // milliseconds
const IDLE = 120_000;
const url = document.body.dataset.beat;
const csrf = document.querySelector("meta[name=csrf]").content;
let touched = Date.now();

for (const kind of ["pointerdown", "pointermove", "keydown", "input", "scroll"]) {
  addEventListener(kind, () => (touched = Date.now()), { passive: true, capture: true });
}

function beat() {
  if (document.querySelector("main[data-wait]")) touched = Date.now();
  if (document.hidden || Date.now() - touched > IDLE) return;
  fetch(url, { method: "POST", headers: { "X-CSRF-Token": csrf }, keepalive: true }).catch(() => {});
}

beat();
setInterval(beat, PERIOD);
