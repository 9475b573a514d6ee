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

/** @param {Error} error */
export function failed(error) {
  const told = error.message || "Something went wrong.";
  const rest = lastWorked ? ` What you see is as of ${moment(lastWorked)}.` : "";
  if (banner.hidden) {
    banner.append(make("strong"), make("span"));
    banner.hidden = false;
    main.classList.add("outdated");
  }
  setText(banner.firstChild, told);
  setText(banner.lastChild, `${rest} Trying again all the time.`);
}
