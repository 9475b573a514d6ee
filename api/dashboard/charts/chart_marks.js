// Episodes in a lane below a chart: a button where each begins, which explains itself, and a bar as long as it
// lasted. In the plot they would look like values or limits.

import { make, setAttribute, setText } from "../core/element.js";
import { episodeLines } from "../core/episode_lines.js";
import { explain, hideWithin } from "../core/tooltip.js";
import { words } from "../core/format.js";

const SHAPES = { critical: "▲", warning: "◆", info: "●" };
/** Pixels: as large as a finger needs. */
const SIZE = 24;
const BAR = 6;
const LANES = 4;
/** Most episodes that the explanation of one mark lists. */
const LISTED = 3;
const WORST_FIRST = ["critical", "warning", "info"];

export class ChartMarks {
  constructor() {
    this.element = make("div", { class: "marks" });
    this.marks = [];
    this.shown = "";
  }

  /** @param {any[]} episodes as the API gives them */
  show(episodes) {
    const content = JSON.stringify(episodes);
    // A mark that has the focus stays the same button when the API answers the same episodes again.
    if (content === this.shown) return;
    this.shown = content;
    hideWithin(this.element);
    // From the oldest on: lanes fill from the left.
    this.marks = episodes.map(mark).reverse();
    this.element.replaceChildren(...this.marks.flatMap(({ extent, button }) => [extent, button]));
  }

  /** Put the marks where the chart's scale says; a mark without room adds its episode to the mark beside it. */
  place(chart) {
    const width = chart.over.clientWidth;
    this.element.style.marginLeft = `${chart.over.offsetLeft}px`;
    this.element.style.width = `${width}px`;
    const lanes = Array.from({ length: LANES }, () => ({ end: -Infinity, last: null }));
    for (const mark of this.marks) {
      const left = chart.valToPos(mark.from, "x");
      const right = mark.to === null ? width : chart.valToPos(mark.to, "x");
      mark.episodes = [mark.episode];
      const isSeen = right >= 0 && left <= width;
      const begin = Math.min(width - SIZE, Math.max(0, left));
      const free = lanes.findIndex(({ end }) => end <= begin);
      mark.button.hidden = mark.extent.hidden = !isSeen || free < 0;
      if (!isSeen) continue;
      if (free < 0) {
        lanes.at(-1).last.episodes.push(mark.episode);
        continue;
      }
      lanes[free] = { end: begin + SIZE, last: mark };
      const top = free * SIZE;
      move(mark.button, begin, top);
      move(mark.extent, Math.max(0, left), top + (SIZE - BAR) / 2);
      mark.extent.style.width = `${Math.max(2, Math.min(width, right) - Math.max(0, left))}px`;
    }
    for (const mark of this.marks) if (!mark.button.hidden) dress(mark);
    const used = lanes.filter(({ last }) => last !== null).length;
    this.element.style.height = `${used * SIZE}px`;
  }
}

function move(element, left, top) {
  element.style.left = `${left}px`;
  element.style.top = `${top}px`;
}

function mark(episode) {
  const kind = episode.severity;
  const extent = make("span", { class: "extent", "data-kind": kind, "aria-hidden": "true" });
  const button = make("button", { type: "button", class: "mark" }, make("span"));
  const seconds = (ts) => (ts === null ? null : Date.parse(ts) / 1000);
  const made = {
    episode,
    episodes: [episode],
    from: seconds(episode.started_at),
    to: seconds(episode.ended_at),
    button,
    extent,
  };
  explain(button, () => [
    ...worstFirst(made.episodes).slice(0, LISTED).flatMap(episodeLines),
    made.episodes.length > LISTED ? `and ${made.episodes.length - LISTED} more; zoom in to see them` : "",
  ]);
  return made;
}

function worstFirst(episodes) {
  const rank = ({ severity }) => WORST_FIRST.indexOf(severity);
  return [...episodes].sort((one, other) => rank(one) - rank(other));
}

/** Give a mark the look of its worst episode. */
function dress({ button, episodes }) {
  const [{ severity, code }] = worstFirst(episodes);
  setAttribute(button, "data-kind", severity);
  setAttribute(
    button,
    "aria-label",
    `${severity}: ${words(code)}${episodes.length > 1 ? ` and ${episodes.length - 1} more` : ""}`,
  );
  setText(button.firstChild, SHAPES[severity]);
}
