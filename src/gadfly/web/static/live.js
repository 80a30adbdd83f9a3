// Pages that change in place: main[data-here]. Each form is sent once, until the server answers; the
// page that comes back replaces <main>; what is typed is kept as a draft until it is acknowledged.
// A page with data-wait asks here/state ({number, needs, trouble}) until something else is needed.
// Without this file the same forms post and the same pages load.

import { carry, forget, forgetPage, keep, restore } from "./drafts.js";
import { announce, status } from "./say.js";
import { ask, pause } from "./send.js";

const POLL = 1_000; // milliseconds
const WAITING = ["replies", "order", "continuation"];
const NEEDED = [".notice.error", "[data-focus]", ".composer textarea", "h1"]; // by urgency
const current = () => document.querySelector("main[data-here]");
let sending = false;
let prepare = () => {};

/** Start; `setup(main)` is called for the first page and for each that replaces it. */
export function live(setup = () => {}) {
  prepare = setup;
  document.addEventListener("submit", submit);
  document.addEventListener("input", ({ target }) => {
    const main = target.closest("main[data-here]");
    if (main) keep(main, target);
  });
  begin(current());
}

function begin(main) {
  restore(main);
  prepare(main);
  if ("wait" in main.dataset) watch(main);
}

async function submit(event) {
  const form = event.target;
  const main = form.closest("main[data-here]");
  if (!main || event.defaultPrevented) return;
  event.preventDefault();
  if (sending) return;
  sending = true;
  main.setAttribute("aria-busy", "true");
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const fields = form.querySelectorAll("textarea, input");
  for (const field of fields) field.readOnly = true; // what is on its way is what is seen
  try {
    await show(await ask(form.getAttribute("action"), { method: "POST", body }), form);
  } finally {
    sending = false;
    main.removeAttribute("aria-busy");
    for (const field of fields) field.readOnly = false;
  }
}

async function watch(main) {
  while (main.isConnected) {
    await pause(POLL);
    if (sending || !main.isConnected) continue;
    const response = await ask(`${main.dataset.here}/state`);
    if (!response.ok || response.redirected) return location.reload();
    const { number, needs, trouble } = await response.json();
    for (const field of main.querySelectorAll("[name=expects]")) field.value = number;
    const told = main.querySelector(".trouble");
    if (trouble && told?.hidden) {
      told.hidden = false;
      announce(told.textContent);
    }
    if (WAITING.includes(needs) || sending || !main.isConnected) continue;
    return show(await ask(main.dataset.here));
  }
}

async function show(response, sent) {
  const main = current();
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const next = page.querySelector("main");
  const same = next?.dataset.here === main.dataset.here;
  if (!same && !response.ok) {
    const told = [...page.querySelectorAll("main :is(h1, .lead, .notice)")].map((part) => part.textContent);
    return status(`${told.join(". ").replace(/\s+/g, " ")} What you typed is kept.`.trim());
  }
  const accepted = response.ok && (!same || !next.querySelector(".notice.error"));
  if (!same) {
    if (accepted && page.body.hasAttribute("data-person")) forgetPage(main.dataset.here);
    return location.assign(response.url);
  }
  if (sent && accepted) forget(main, sent);
  const typing = main.contains(document.activeElement) && !sent?.contains(document.activeElement);
  const focused = typing ? document.activeElement.id : "";
  carry(main, next, accepted ? sent : null);
  main.replaceWith(document.adoptNode(next));
  document.title = page.title;
  begin(next);
  arrive(next, focused);
}

/** Lead eyes and ears to what is needed now, without taking the focus from somebody who types. */
function arrive(main, focused) {
  const target = NEEDED.map((selector) => main.querySelector(selector)).find(Boolean);
  const same = focused && main.querySelector(`#${CSS.escape(focused)}`);
  if (same) {
    same.focus({ preventScroll: true });
    return announce(target.labels?.[0]?.textContent ?? target.textContent);
  }
  if (target.matches("textarea") && !matchMedia("(hover: hover)").matches) {
    main.focus({ preventScroll: true }); // a phone's keyboard would cover what was just said
    announce("Your turn.");
  } else {
    target.tabIndex = target.matches("textarea") ? 0 : -1;
    target.focus({ preventScroll: true });
  }
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const block = target.matches("[data-focus]") ? "start" : "center";
  target.scrollIntoView({ block, behavior: still ? "instant" : "smooth" });
}
