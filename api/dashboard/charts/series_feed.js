// Keeps the charts' values: the whole window once, then only its last buckets.

import { ask } from "../core/api.js";
import { utc } from "../core/clock.js";
import * as outage from "../core/outage.js";
import { Poll } from "../core/poll.js";
import { intervalText, Series } from "./series.js";

const EVERY_MS = 3000;
const POINTS = 400;
/** So many answers that hold only the end, then one of the whole: readings may come late, far behind. */
const TAILS = 20;

export class SeriesFeed {
  /**
   * @param {string} path
   * @param {() => import("./window.js").Window|null} window
   * @param {(series: Series) => void} show
   * @param {(error: Error) => void} refused called when the window can't be shown
   */
  constructor(path, window, show, refused) {
    this.path = path;
    this.window = window;
    this.show = show;
    this.series = null;
    this.tails = 0;
    this.poll = new Poll(
      EVERY_MS,
      (signal) => this.refresh(signal),
      (/** @type {any} */ error) => (error.isOutage === false ? refused : outage.failed)(error),
    );
  }

  /** The window is another one. */
  restart() {
    this.series = null;
    this.poll.now();
  }

  async refresh(signal) {
    const window = this.window();
    if (window === null || (this.series && !window.live)) return;
    const isTail = this.series && !this.series.isEmpty && this.tails < TAILS;
    this.tails = isTail ? this.tails + 1 : 0;
    const span = isTail
      ? { from_ts: utc(this.series.lastBegin), interval: intervalText(this.series.intervalS) }
      : { from_ts: utc(window.from), points: POINTS };
    const answer = await ask(`${this.path}/series`, { ...span, to_ts: utc(window.to) }, { signal });
    if (isTail) {
      this.series.merge(answer);
      this.series.forget(window.from);
    } else {
      this.series = new Series(answer);
    }
    this.show(this.series);
  }

  close() {
    this.poll.close();
  }
}
