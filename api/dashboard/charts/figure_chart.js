// A chart of one figure of the battery: a picture with a description, hidden while there is nothing to draw.

import uPlot from "uplot";
import { make, setAttribute, setText } from "../core/element.js";

const HEIGHT = 150;

/**
 * @typedef {{data: any, text: string, legend: string}} Drawn
 * The columns of uPlot, the description, and the legend.
 */

export class FigureChart {
  /** @param {string} title @param {(drawn: any) => any} options of uPlot, without a size */
  constructor(title, options) {
    this.title = title;
    this.options = options;
    this.place = make("div", { class: "plot trend", role: "img" });
    this.legend = make("span", { class: "rest muted" });
    this.element = make(
      "figure",
      { class: "chart", hidden: true },
      make("figcaption", {}, make("h3", {}, title), this.legend),
      this.place,
    );
    this.closed = new AbortController();
    this.chart = null;
    this.resized = new ResizeObserver(() => this.chart?.setSize(this.size()));
    this.resized.observe(this.place);
    document.addEventListener("theme", () => this.chart?.redraw(false), { signal: this.closed.signal });
  }

  /** @param {Drawn|null} drawn null hides the chart */
  show(drawn) {
    this.element.hidden = !drawn;
    if (!drawn || this.closed.signal.aborted) return;
    // The number of series may have changed.
    if (this.chart && this.chart.series.length !== drawn.data.length) {
      this.chart.destroy();
      this.chart = null;
    }
    const options = { legend: { show: false }, cursor: { show: false }, ...this.options(drawn), ...this.size() };
    this.chart ??= new uPlot(/** @type {any} */ (options), drawn.data, this.place);
    this.chart.setData(drawn.data);
    setText(this.legend, drawn.legend);
    setAttribute(this.place, "aria-label", `${this.title}. ${drawn.text}`);
  }

  size() {
    return { width: Math.max(200, this.place.clientWidth), height: HEIGHT };
  }

  close() {
    this.closed.abort();
    this.resized.disconnect();
    this.chart?.destroy();
  }
}
