// The fall of the state of health: the mean of each day, the trend line, and the interval of the trend.

import uPlot from "uplot";
import { axis, faint } from "./chart_options.js";
import { day, utc } from "../core/clock.js";
import { make, setAttribute, setText } from "../core/element.js";
import { counted, quantity, slope } from "../core/format.js";
import { colour } from "../core/theme.js";
import { trendOf } from "./trend.js";

const HEIGHT = 150;

export class TrendChart {
  constructor() {
    this.place = make("div", { class: "plot trend", role: "img" });
    this.days = make("span", {});
    const legend = make("span", { class: "rest muted" }, this.days, " · line: the trend · pale: its 95 % interval");
    this.element = make(
      "figure",
      { class: "chart", hidden: true },
      make("figcaption", {}, make("h3", {}, "State of health by day"), legend),
      this.place,
    );
    this.closed = new AbortController();
    this.chart = null;
    this.resized = new ResizeObserver(() => this.chart?.setSize(this.size()));
    this.resized.observe(this.place);
    document.addEventListener("theme", () => this.chart?.redraw(false), { signal: this.closed.signal });
  }

  /** @param {any} answer soh_trend of GET battery @param {any|null} days GET series by days over the same window */
  show(answer, days) {
    const trend = days && trendOf(answer, days);
    this.element.hidden = !trend;
    if (!trend || this.closed.signal.aborted) return;
    this.chart ??= new uPlot(/** @type {any} */ ({ ...options(), ...this.size() }), [[], [], [], [], []], this.place);
    this.chart.setData([trend.x, trend.low, trend.high, trend.line, trend.soh]);
    setText(this.days, `dots: the mean of each of ${counted(trend.x.length, "day")}`);
    setAttribute(this.place, "aria-label", describe(trend, answer.per_year));
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

function options() {
  // Not on whole pixels: so flat a line would become a staircase.
  const even = { pxAlign: 0 };
  const bound = { ...even, width: 0, points: { show: false }, stroke: "transparent" };
  const accent = () => colour("accent");
  return {
    padding: [6, 24, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [axis({ scale: "x", space: 70 }), axis({ scale: "y", size: 46 })],
    series: [
      {},
      bound,
      bound,
      { ...even, width: 1.5, stroke: accent, points: { show: false } },
      { stroke: accent, paths: () => null, points: { show: true, size: 4, width: 0, fill: () => colour("second") } },
    ],
    bands: [{ series: [2, 1], fill: () => faint(accent()) }],
  };
}

function describe({ x, soh, line }, perYear) {
  const [first, last] = [x[0], x.at(-1)].map((begin) => day(utc(begin * 1000).slice(0, 10)));
  const range = (values) => `from ${quantity(values[0], "%")} to ${quantity(values.at(-1), "%")}`;
  const days = `State of health by day, ${first} to ${last}: ${range(soh)}.`;
  return `${days} The trend goes ${range(line)}: ${slope(perYear, "a year")}.`;
}
