// What was typed and not yet acknowledged, per page and step, in this browser's own storage.

const FIELDS = "textarea[id], input[id]:not([type=hidden], [type=password])";
const key = (main, field) =>
  [start(main.dataset.here), main.dataset.step, field.type === "radio" ? field.name : field.id].join("|");
const start = (here) => `gadfly|${document.body.dataset.person}|${here}`; // others use this browser, too
const ticked = (field) => field.type === "radio" || field.type === "checkbox";

/** Other than the server sent it; of radio buttons, the one that is chosen now. */
function changed(field) {
  if (!ticked(field)) return field.value !== field.defaultValue;
  return field.checked !== field.defaultChecked && (field.checked || field.type !== "radio");
}

function storage(use) {
  try {
    return use(localStorage);
  } catch {
    return null; // storage is full or forbidden: the page works without drafts
  }
}

/** Keep one field as it is now. */
export function keep(main, field) {
  if (!field.matches(FIELDS)) return;
  const value = field.type === "checkbox" ? String(field.checked) : field.value;
  storage((store) => store.setItem(key(main, field), value));
}

/** Put back what was kept for this step, and drop what was kept for others. */
export function restore(main) {
  const [whole, step] = [`${start(main.dataset.here)}|`, `${start(main.dataset.here)}|${main.dataset.step}|`];
  drop((name) => name.startsWith(whole) && !name.startsWith(step));
  const fields = [...main.querySelectorAll(FIELDS)];
  for (const field of fields.filter(changed)) keep(main, field); // typed before this file was here
  for (const field of fields) {
    const value = storage((store) => store.getItem(key(main, field)));
    if (value === null) continue;
    if (!ticked(field)) field.value = value;
    else field.checked = field.type === "radio" ? field.value === value : value === "true";
  }
}

/** A form was acknowledged: its fields need no draft. */
export function forget(main, form) {
  for (const field of form.querySelectorAll(FIELDS)) {
    storage((store) => store.removeItem(key(main, field)));
  }
}

/** The page is over: nothing of it stays behind. */
export function forgetPage(here) {
  drop((name) => name.startsWith(`${start(here)}|`));
}

/** Whoever leaves leaves nothing behind in this browser. */
export function forgetAll() {
  drop((name) => name.startsWith("gadfly|"));
}

/** Hand what stands in fields of other forms on to the page that follows. */
export function carry(main, next, sent) {
  for (const field of main.querySelectorAll(FIELDS)) {
    const twin = next.querySelector(`#${CSS.escape(field.id)}`);
    if (!twin || twin.type !== field.type || sent?.contains(field)) continue;
    if (!changed(field)) continue;
    if (ticked(field)) twin.checked = field.checked;
    else twin.value = field.value;
    keep(next, twin);
    const details = twin.closest("details");
    if (details) details.open = true;
  }
}

function drop(which) {
  storage((store) => Object.keys(store).filter(which).forEach((name) => store.removeItem(name)));
}
