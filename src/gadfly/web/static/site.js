// On every page: instructions open in place, a form is sent once, no more tags than allowed.

import { forgetAll } from "./drafts.js";

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
  } else if (event.target.matches("dialog[open]")) {
    event.target.close(); // a click beside the sheet
  }
});

const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.closest("main[data-here]")) return; // those are live.js's
  // Stopping, reporting in one click, signing out and withdrawing all end what is typed.
  if (form.closest(".top, .foot") || form.action.endsWith("/withdraw")) forgetAll();
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
  setTimeout(() => sent.delete(form), 3_000); // a download leaves the page where it is
});

addEventListener("pageshow", (event) => event.persisted && location.reload());

document.addEventListener("change", ({ target }) => {
  const group = target.closest("[data-most]");
  if (!group) return;
  const boxes = [...group.querySelectorAll("input[type=checkbox]")];
  const full = boxes.filter((box) => box.checked).length >= Number(group.dataset.most);
  for (const box of boxes) box.disabled = full && !box.checked;
});
