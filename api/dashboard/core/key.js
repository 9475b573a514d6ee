// The API key: asked for when a call needs one, kept for this tab or on this device, sent as a header only.

import { make, setText } from "./element.js";

const NAME = "battery-api-key";
let asking = null;

export function currentKey() {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}

/**
 * Ask for a key in place of `refused` (null: none was sent). Calls that wait at the same time share one
 * question. Resolves when there is a key to try.
 */
export async function askForKey(refused) {
  if (currentKey() !== refused) return;
  asking ??= question(refused !== null).finally(() => (asking = null));
  await asking;
}

/** @returns {Promise<void>} */
function question(wasRefused) {
  forgetKey();
  return new Promise((resolve) => {
    const input = make("input", { id: "key", type: "password", autocomplete: "current-password", required: true });
    const keep = make("input", { id: "keep", type: "checkbox" });
    const problem = make("p", { class: "problem", role: "alert" });
    const dialog = make(
      "dialog",
      { class: "key", "aria-labelledby": "key-title" },
      make(
        "form",
        { on: { submit: (event) => take(event) } },
        make("h2", { id: "key-title" }, "This service asks for a key"),
        make("p", {}, "The key stays in this browser and is sent as a header only."),
        make("label", { for: "key" }, "API key"),
        input,
        make("label", { class: "check", for: "keep" }, keep, "Keep on this device"),
        problem,
        make("button", { class: "primary" }, "Use this key"),
      ),
    );
    const take = (event) => {
      event.preventDefault();
      if (!input.value) return;
      (keep.checked ? localStorage : sessionStorage).setItem(NAME, input.value);
      dialog.close();
    };
    // Without a key there is nothing to see: a dialog that was closed otherwise comes back.
    dialog.addEventListener("close", () => {
      if (currentKey() === null) return dialog.showModal();
      dialog.remove();
      return resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
    if (wasRefused) setText(problem, "That key was not accepted.");
    input.focus();
  });
}
