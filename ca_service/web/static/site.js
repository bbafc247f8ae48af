// Shortcuts for the pages. Everything works without JavaScript.

const said = document.getElementById("said");

/** @param {string} text the text for screen readers */
function say(text) {
  if (said) said.textContent = text;
}

/** @param {ParentNode} root the part of the page with copy buttons */
function enableCopying(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

/** @param {HTMLButtonElement} button */
async function copy(button) {
  const label = [...button.childNodes];
  button.style.minWidth = `${button.offsetWidth}px`; // what is beside it stays where it is
  if (await copyText(document.getElementById(button.dataset.copy ?? "")?.textContent ?? "")) {
    button.textContent = "✓";
    say(said?.dataset.copied ?? "");
  } else {
    button.textContent = "✗";
  }
  setTimeout(() => { button.replaceChildren(...label); }, 1500);
}

/** Copies a text, also over plain HTTP, where browsers withhold the clipboard from scripts.
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied */
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const area = document.createElement("textarea");
  const focused = document.activeElement;
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}

/** Puts dropped files into the input, then calls `then`.
 * @param {Element | null} drop
 * @param {HTMLInputElement} input
 * @param {() => void} then */
function enableDropping(drop, input, then) {
  for (const name of ["dragenter", "dragover"]) {
    drop?.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  drop?.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop?.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const dropped = event instanceof DragEvent ? event.dataTransfer?.files : null;
    if (!dropped?.length) return;
    input.files = dropped;
    then();
  });
}

/** Checks CSRs as soon as they are dropped or pasted.
 * @param {HTMLFormElement} form */
function checkAtOnce(form) {
  const files = /** @type {HTMLInputElement} */ (form.querySelector("input[type=file]"));
  const text = /** @type {HTMLTextAreaElement} */ (form.querySelector("textarea"));
  const drop = form.querySelector(".drop");
  files.addEventListener("change", () => { if (files.files?.length) review(form, files, text); });
  text.addEventListener("paste", () => setTimeout(() => review(form, files, text)));
  form.querySelector(".options")?.addEventListener("change", () => {
    if (form.querySelector(".request")) review(form, files, text); // what is signed is what was seen
  });
  enableDropping(drop, files, () => review(form, files, text));
}

/** Submits the form for a check and shows the result in place.
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} files
 * @param {HTMLTextAreaElement} text */
async function review(form, files, text) {
  const target = document.getElementById("review");
  if (!target) return;
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.check ?? form.action, { method: "POST", body: new FormData(form) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById("review");
    if (!found) throw new Error("no review in the answer");
    target.replaceChildren(...found.childNodes);
    document.getElementById("checking")?.replaceWith(page.getElementById("checking") ?? "");
    files.value = ""; // what was sent is carried along in the review
    text.value = "";
    enableCopying(target);
    showLocalTimes(target);
    target.scrollIntoView({ block: "nearest" });
  } catch {
    form.submit(); // the page that the server makes says what is wrong
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** @param {ParentNode} root the part of the page where a selected file is submitted immediately */
function sendAtOnce(root) {
  for (const input of root.querySelectorAll("input[type=file][data-send]")) {
    if (!(input instanceof HTMLInputElement)) continue;
    input.addEventListener("change", () => { if (input.files?.length) input.form?.requestSubmit(); });
    enableDropping(input.closest(".drop"), input, () => input.form?.requestSubmit());
  }
}

/** Shows that a button works, with the seconds since it was pressed, until the answer is there.
 * @param {SubmitEvent} event */
function showProgress(event) {
  const button = event.submitter;
  if (!(button instanceof HTMLButtonElement) || !button.dataset.busy) return;
  const label = button.textContent ?? "", busy = button.dataset.busy, bar = document.createElement("progress"), since = Date.now();
  const tick = setInterval(() => { button.textContent = `${busy} ${Math.round((Date.now() - since) / 1000)} s`; }, 1000);
  bar.setAttribute("aria-label", busy);
  setTimeout(() => { button.disabled = true; }); // later: a disabled button is not submitted
  button.textContent = busy;
  button.after(bar);
  say(busy);
  window.addEventListener("pageshow", () => { // back from the result
    clearInterval(tick);
    bar.remove();
    button.disabled = false;
    button.textContent = label;
  }, { once: true });
}

/** @param {number} number */
const padded = (number) => String(number).padStart(2, "0");

/** Shows times as local or relative ones. On hover they are UTC, as without JavaScript.
 * @param {ParentNode} root */
function showLocalTimes(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    if (!(element instanceof HTMLTimeElement)) continue;
    const time = new Date(element.dateTime);
    const day = [time.getFullYear(), padded(time.getMonth() + 1), padded(time.getDate())].join("-");
    const local = `${day} ${padded(time.getHours())}:${padded(time.getMinutes())}`;
    const shown = { day, local, relative: relative(time), second: `${local}:${padded(time.getSeconds())}` };
    element.textContent = shown[/** @type {keyof typeof shown} */ (element.dataset.time)];
  }
}

/** @param {Date} time
 * @returns {string} such as “3 days ago”, in the language of the page */
function relative(time) {
  const seconds = (time.getTime() - Date.now()) / 1000;
  const units = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([["day", 86400], ["hour", 3600], ["minute", 60]]);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["minute", 60];
  return new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** @param {HTMLInputElement} all the box that checks all others of its form */
function checkAll(all) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.form?.querySelectorAll("tbody input[type=checkbox]") ?? []) {
      if (box instanceof HTMLInputElement) box.checked = all.checked;
    }
  });
}

enableCopying(document);
for (const all of document.querySelectorAll("input[data-all]")) if (all instanceof HTMLInputElement) checkAll(all);
showLocalTimes(document);
sendAtOnce(document);
document.addEventListener("submit", showProgress);
for (const button of document.querySelectorAll("button[data-print]")) {
  if (!(button instanceof HTMLButtonElement)) continue;
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => event.preventDefault()); // a file that misses must not replace the page
}
const form = document.getElementById("new");
if (form instanceof HTMLFormElement) checkAtOnce(form);
