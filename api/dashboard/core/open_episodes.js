// The number of open episodes, in the header of every page.

import { ask } from "./api.js";
import { make, setAttribute, setText } from "./element.js";
import { Poll } from "./poll.js";

const EVERY_MS = 10_000;

/** @param {HTMLElement} anchor the link to the page of events */
export function showOpenEpisodes(anchor) {
  const count = make("span", { class: "badge count", hidden: true });
  anchor.append(" ", count);
  const show = async (signal) => {
    const { counts } = await ask("episodes", { state: "open", limit: 1 }, { signal });
    const { critical, warning, info } = counts;
    const total = critical + warning + info;
    count.hidden = total === 0;
    setAttribute(count, "data-kind", critical ? "critical" : warning ? "warning" : "info");
    setText(count, String(total));
    setAttribute(count, "title", `${critical} critical, ${warning} warning, ${info} info`);
    setAttribute(anchor, "aria-label", `Events: ${total} open, ${critical} of them critical`);
  };
  // A page tells an outage itself: the count stays as it was.
  new Poll(EVERY_MS, show, () => {}).now();
}
