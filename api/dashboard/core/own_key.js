// The key that the page works with: its name, and the rights of its role. The API decides; the page offers no more.

import { ask } from "./api.js";
import { currentKey } from "./key.js";
import { setText } from "./element.js";

/** @typedef {{name: string | null, role: string, rights: string[]}} OwnKey */

/** Where the API does not say, because it is older than the page or away, everything is offered. */
const UNKNOWN = { name: null, role: "", rights: ["read", "send", "operate", "administer"] };
/** @type {{key: string | null, answer: Promise<OwnKey>} | null} */
let asked = null;

/** @returns {Promise<OwnKey>} */
export function ownKey() {
  if (asked?.key !== currentKey()) {
    const one = { key: currentKey(), answer: ask("me").catch(() => UNKNOWN) };
    // The call may have asked for a key.
    one.answer.then((answer) => {
      one.key = currentKey();
      if (answer === UNKNOWN && asked === one) asked = null;
    });
    asked = one;
  }
  return asked.answer;
}

/** @param {string} right */
export async function may(right) {
  return (await ownKey()).rights.includes(right);
}

/** Show whose key it is, and hide the place where there is none. */
export async function showOwnKey(place) {
  const { name, role } = await ownKey();
  place.hidden = name === null;
  setText(place, name === null ? "" : `Key: ${name} (${role})`);
}
