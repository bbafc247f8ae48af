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
  const source = document.getElementById(button.dataset.copy ?? "");
  const label = button.textContent;
  try {
    await write(source?.textContent ?? "");
    button.textContent = "✓";
    say(said?.dataset.copied ?? "");
  } catch {
    button.textContent = "✗";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
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

/** Writes to the clipboard. Browsers have no `navigator.clipboard` on pages over plain HTTP: a selection is copied there.
 * @param {string} text */
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "visually-hidden";
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!copied) throw new Error("nothing was copied");
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

enableCopying(document);
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
