// Keys for the queue of requests: a twice approves, r opens the note for a refusal, j and k move down and up a list.
// Optional: everything works without them. They are off while the user types, and the page lists them.

import { areOff, isField } from "./menu.js"; // d marks a step of a runbook as done; all keys are off where the user has switched them off

for (const hint of document.querySelectorAll("[data-keys]")) {
  if (hint instanceof HTMLElement) hint.hidden = areOff();
}

const ARMED_MS = 3000; // within which the second press of a key sends
/** @type {HTMLElement | null} */
let armed = null;
let isSent = false;
window.addEventListener("pageshow", () => { isSent = false; });

/** @param {HTMLElement} button
 * @returns {boolean} whether it may be pressed; the first press of its key only says what the second will do */
function isReady(button) {
  if (!button.dataset.arm || armed === button) return true;
  armed = button;
  button.classList.add("armed");
  const said = document.getElementById("said");
  if (said) said.textContent = button.dataset.arm;
  setTimeout(() => {
    armed = null;
    button.classList.remove("armed");
  }, ARMED_MS);
  return false;
}

/** @param {number} step rows to move: 1 or -1 */
function move(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const here = rows.indexOf(/** @type {Element} */ (document.activeElement));
  const next = here < 0 ? (step > 0 ? 0 : rows.length - 1) : here + step;
  const row = rows[Math.max(0, Math.min(next, rows.length - 1))];
  if (row instanceof HTMLElement) row.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || areOff()) return;
  if (isField(event.target)) {
    if (event.key === "Escape" && event.target instanceof HTMLTextAreaElement) event.target.blur();
    return;
  }
  if (event.key === "j" || event.key === "k") {
    move(event.key === "j" ? 1 : -1);
    return;
  }
  const wanted = event.repeat ? null : document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!(wanted instanceof HTMLElement)) return;
  event.preventDefault();
  if (isField(wanted)) wanted.focus();
  else if (!isSent && isReady(wanted)) {
    isSent = true; // a key that is hit twice sends once
    wanted.click();
  }
});
