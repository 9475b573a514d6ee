// The number of open episodes that are warnings or worse, in the header of every page.

import { ask } from "./api.js";
import { worst } from "./badge.js";
import { make, setAttribute, setText } from "./element.js";
import { Poll } from "./poll.js";

const EVERY_MS = 10_000;
/** More are not counted. */
const MOST = 200;

/** @param {HTMLElement} anchor the link to the page of events */
export function showOpenEpisodes(anchor) {
  const count = make("span", { class: "badge count", hidden: true });
  anchor.append(" ", count);
  const show = async (signal) => {
    const asked = { state: "open", min_severity: "warning", limit: MOST };
    const { items, next } = await ask("episodes", asked, { signal });
    const total = next === null ? String(items.length) : `${MOST}+`;
    count.hidden = items.length === 0;
    setAttribute(count, "data-kind", worst(items)?.severity ?? "info");
    setText(count, total);
    setAttribute(anchor, "aria-label", items.length ? `Events: ${total} open, warning or worse` : null);
  };
  // A page tells an outage itself: the count stays as it was.
  new Poll(EVERY_MS, show, () => {}).now();
}
