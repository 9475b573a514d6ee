// The banner of an outage. The values on the page stay, greyed; the page recovers by itself.

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
  showBanner(error.message || "Something went wrong.", error.isBusy ? "" : " Trying again all the time.", error.isBusy);
}

/** While the page waits for an answer: the API may be frozen, or the network slow. */
export function slow() {
  showBanner("The API does not answer.", " Still waiting for it.");
}

function showBanner(fault, then, isBusy = false) {
  const since = lastWorked ? ` The values are as of ${moment(lastWorked)}.` : "";
  if (banner.hidden) {
    banner.append(make("strong"), make("span"));
    banner.hidden = false;
  }
  main.classList.toggle("outdated", !isBusy);
  setText(banner.firstChild, fault);
  setText(banner.lastChild, since + then);
}
