// The banner that says what is away. What was shown stays, greyed; it recovers by itself.

import { make, setText } from "./element.js";
import { moment, now } from "./clock.js";

const banner = document.getElementById("outage");
const main = document.getElementById("main");
let lastWorked = null;

export function worked() {
  lastWorked = now();
  if (banner.hidden) return;
  banner.hidden = true;
  banner.replaceChildren();
  main.classList.remove("outdated");
}

/** @param {Error & {isBusy?: boolean}} error */
export function failed(error) {
  tell(error.message || "Something went wrong.", error.isBusy ? "" : " Trying again all the time.", error.isBusy);
}

/** While an answer is waited for: the API may be frozen, or the way to it slow. */
export function slow() {
  tell("The API does not answer.", " Still waiting for it.");
}

function tell(what, then, isBusy = false) {
  const since = lastWorked ? ` The values are as of ${moment(lastWorked)}.` : "";
  if (banner.hidden) {
    banner.append(make("strong"), make("span"));
    banner.hidden = false;
  }
  main.classList.toggle("outdated", !isBusy);
  setText(banner.firstChild, what);
  setText(banner.lastChild, since + then);
}
