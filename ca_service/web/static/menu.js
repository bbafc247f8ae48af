// Keys for the menu: ? opens the help, / the search, g and a letter a page. Optional: everything works without them.
// They are off while the user types, and can be switched off on the help page. Open menus close on Escape and on a click beside.

const OFF = "shortcuts-off";
let isGoing = false;

/** @returns {boolean} whether the user has switched the keys off */
export function areOff() {
  return localStorage.getItem(OFF) !== null;
}

/** @param {EventTarget | null} target */
export function isField(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

/** @param {Element | null} but the part of the page whose menu stays open */
function closeMenus(but) {
  for (const menu of document.querySelectorAll(".more[open]")) {
    if (!(menu instanceof HTMLDetailsElement) || (but && menu.contains(but))) continue;
    menu.open = false;
    if (menu.contains(document.activeElement)) menu.querySelector("summary")?.focus();
  }
}

/** @param {string} key
 * @returns {boolean} whether the key has a meaning here */
function press(key) {
  const wasGoing = isGoing;
  isGoing = !wasGoing && key === "g";
  if (isGoing) return true;
  if (wasGoing) {
    follow(`[data-go="${CSS.escape(key)}"]`);
    return true; // also if no page has this letter: it must not mark a step
  }
  if (key === "?") return follow("[data-help]");
  if (key !== "/") return false;
  const search = document.querySelector("input[type=search]");
  if (!(search instanceof HTMLElement)) return follow('[data-go="e"]');
  search.focus();
  return true;
}

/** @param {string} selector */
function follow(selector) {
  const link = document.querySelector(selector);
  if (link instanceof HTMLAnchorElement) link.click();
  return link !== null;
}

document.addEventListener("click", (event) => closeMenus(event.target instanceof Element ? event.target : null));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus(null);
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || isField(event.target)) return;
  if (["Shift", "Escape"].includes(event.key) || areOff()) return;
  if (!press(event.key)) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // the letter after g has no other meaning
}, { capture: true });

const choice = document.querySelector("[data-shortcuts]");
const box = choice?.querySelector("input");
if (choice instanceof HTMLElement && box) {
  choice.hidden = false;
  box.checked = !areOff();
  box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "yes")));
}
