// Creates and uses passkeys (WebAuthn). The buttons stay hidden if the browser does not support them.

const canUsePasskeys = "PublicKeyCredential" in window && "parseRequestOptionsFromJSON" in PublicKeyCredential;

/** @param {HTMLFormElement} form
 * @param {string} name
 * @returns {HTMLInputElement} its hidden field with this name */
function field(form, name) {
  return /** @type {HTMLInputElement} */ (form.querySelector(`input[name$="${name}"]`));
}

/** Requests options from the server and an answer from the device, and submits the answer with the form.
 * @param {HTMLButtonElement} button
 * @param {HTMLFormElement} form */
async function answer(button, form) {
  const failed = document.querySelector(`[data-passkey-failed="${form.id}"]`);
  if (failed instanceof HTMLElement) failed.hidden = true;
  if (!form.reportValidity()) return;
  button.disabled = true;
  try {
    const body = new URLSearchParams({ csrf_token: field(form, "csrf_token").value });
    const response = await fetch(button.dataset.options ?? "", { method: "POST", body });
    if (!response.ok) throw new Error("no options");
    const credential = await credentialFor(await response.json(), "create" in button.dataset);
    field(form, "credential").value = JSON.stringify(credential);
    form.submit();
  } catch {
    if (failed instanceof HTMLElement) failed.hidden = false;
  } finally {
    button.disabled = false;
  }
}

/** @param {any} options the options from the server
 * @param {boolean} isNew whether to create a passkey instead of using one
 * @returns {Promise<Credential | null>} */
function credentialFor(options, isNew) {
  return isNew
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

for (const button of document.querySelectorAll("button[data-passkey]")) {
  const form = document.getElementById(button.getAttribute("data-passkey") ?? "");
  if (!canUsePasskeys || !(button instanceof HTMLButtonElement) || !(form instanceof HTMLFormElement)) continue;
  button.hidden = false;
  button.addEventListener("click", () => answer(button, form));
}
