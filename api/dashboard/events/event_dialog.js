// The dialog in which a person acknowledges an episode, mutes it, or writes a note.

import { isAbort, post } from "../core/api.js";
import { now, utc } from "../core/clock.js";
import { button, make, setText } from "../core/element.js";
import { words } from "../core/format.js";
import { keepUserName, userName } from "../core/user_name.js";

const HOUR_MS = 3_600_000;
const MUTE_HOURS = [
  ["1", "for 1 hour"],
  ["8", "for 8 hours"],
  ["24", "for a day"],
  ["168", "for a week"],
  ["", "no longer muted"],
];
/** @type {Record<string, {title: string, done: string, path: string}>} */
const ACTIONS = {
  acknowledge: { title: "Acknowledge", done: "Acknowledge", path: "acknowledge" },
  note: { title: "Add a note", done: "Add the note", path: "notes" },
  mute: { title: "Mute", done: "Mute", path: "mute" },
};

/**
 * Ask for what an action needs, and send it.
 * @param {"acknowledge"|"note"|"mute"} kind
 * @param {any} episode
 * @param {(episode: any) => void} done called with the answer
 */
export function openDialog(kind, episode, done) {
  const { title, done: label, path } = ACTIONS[kind];
  const by = make("input", { id: "event-by", required: true, maxlength: 100, autocomplete: "name" });
  by.value = userName();
  const text = make("textarea", { id: "event-text", rows: 3, maxlength: 2000, required: kind === "note" });
  const hours = make(
    "select",
    { id: "event-hours" },
    ...MUTE_HOURS.map(([value, name]) => make("option", { value }, name)),
  );
  const problem = make("p", { class: "problem", role: "alert" });
  const save = make("button", { class: "primary" }, label);
  const content = () => {
    if (kind === "mute") {
      const until = hours.value === "" ? null : utc(now() + Number(hours.value) * HOUR_MS);
      return { by: by.value.trim(), until };
    }
    if (kind === "note") return { by: by.value.trim(), text: text.value.trim() };
    return { by: by.value.trim(), note: text.value.trim() || null };
  };
  const send = async (event) => {
    event.preventDefault();
    if (!by.value.trim()) return;
    save.disabled = true;
    keepUserName(by.value.trim());
    try {
      const answer = await post(`episodes/${episode.id}/${path}`, content());
      dialog.close();
      done(answer);
    } catch (error) {
      if (!isAbort(error)) setText(problem, error.message);
    } finally {
      save.disabled = false;
    }
  };
  const dialog = make(
    "dialog",
    { class: "key", "aria-labelledby": "event-title" },
    make(
      "form",
      { on: { submit: send } },
      make("h2", { id: "event-title" }, title),
      make("p", {}, `${words(episode.code)} of ${episode.name ?? episode.vin}`),
      make("label", { for: by.id }, "Your name"),
      by,
      ...(kind === "mute"
        ? [make("label", { for: hours.id }, "No reminders"), hours]
        : [make("label", { for: text.id }, kind === "note" ? "Note" : "Note, if you like"), text]),
      problem,
      make(
        "div",
        { class: "buttons" },
        save,
        button("Cancel", () => dialog.close()),
      ),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  /** @type {HTMLElement} */ (by.value && kind === "note" ? text : by).focus();
}
