// One chart: bands of sessions behind it, bars of episodes below it, a readout above it.

import uPlot from "uplot";
import { drawSessions } from "./chart_bands.js";
import { drawLimits, limitsOf } from "./chart_limits.js";
import { ChartMarks } from "./chart_marks.js";
import { chartOptions } from "./chart_options.js";
import { moment } from "../core/clock.js";
import { make, setAttribute, setText } from "../core/element.js";
import { quantity } from "../core/format.js";
import { extent } from "./series.js";

const HEIGHT = 170;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -Infinity, End: Infinity };

export class Chart {
  /**
   * @param {import("./chart_specs.js").Spec} spec
   * @param {{sync: string, zoom: (from: number, to: number) => void, slide: (by: number, isDone: boolean) => void,
   *   at: (time: number|null) => void}} page moments in seconds
   */
  constructor(spec, page) {
    this.spec = spec;
    this.page = page;
    /** @type {[number, number]} */
    this.window = [0, 1];
    this.sessions = [];
    this.limits = [];
    this.marks = new ChartMarks();
    this.values = spec.lines.map(() => make("output", {}));
    this.place = make("div", {
      class: "plot",
      tabindex: 0,
      role: "group",
      "aria-roledescription": "chart",
      on: { keydown: (event) => this.step(event) },
    });
    const legend = spec.lines.map((line, at) =>
      make(
        "span",
        { class: "legend", "data-colour": line.colour },
        make("span", { class: "swatch", "aria-hidden": "true" }),
        `${line.label} `,
        this.values[at],
      ),
    );
    this.element = make(
      "figure",
      { class: "chart" },
      make("figcaption", {}, make("h3", {}, spec.title), ...legend),
      this.place,
      this.marks.element,
    );
    this.closed = new AbortController();
    this.chart = this.draw();
    this.resized = new ResizeObserver(() =>
      this.chart.setSize({ width: Math.max(200, this.place.clientWidth), height: HEIGHT }),
    );
    this.resized.observe(this.place);
    document.addEventListener("theme", () => this.chart.redraw(false), { signal: this.closed.signal });
  }

  draw() {
    const options = chartOptions(this.spec, { x: () => this.window, sync: this.page.sync });
    options.height = HEIGHT;
    options.cursor.bind.mousedown = (_chart, _target, handle) => (event) =>
      event.shiftKey ? this.drag(event) : handle(event);
    options.hooks = {
      drawClear: [(chart) => drawSessions(chart, this.sessions)],
      draw: [(chart) => this.marks.place(chart), (chart) => drawLimits(chart, this.limits)],
      setCursor: [() => this.read()],
      setSelect: [(chart) => this.select(chart)],
    };
    /** @type {any} */
    const empty = [[], ...this.spec.lines.flatMap(() => [[], [], []])];
    return new uPlot(options, empty, this.place);
  }

  /** @param {{x: number[], pick: (list: any[]) => any[]}} aligned @param {[number, number]} window seconds */
  show(series, aligned, window) {
    this.window = window;
    this.columns = this.spec.lines.map(({ signal }) => series.columns[signal]);
    this.chart.setData([
      aligned.x,
      ...this.columns.flatMap(({ min, max, mean }) => [min, max, mean].map(aligned.pick)),
    ]);
    setAttribute(this.place, "aria-label", this.describe());
    this.read();
  }

  /** Move the window without new values, as while it is dragged. */
  look(window) {
    this.window = window;
    this.chart.setScale("x", { min: window[0], max: window[1] });
  }

  annotate(sessions, episodes) {
    this.sessions = sessions;
    this.limits = limitsOf(episodes, this.spec.limits ?? {});
    this.marks.show(episodes);
    this.chart.redraw(false);
  }

  describe() {
    const range = `${moment(this.window[0] * 1000)} to ${moment(this.window[1] * 1000)}`;
    const lines = this.spec.lines.map(({ label, unit, digits }, at) => {
      const found = extent(this.columns[at].min, this.columns[at].max);
      return found
        ? `${label} ${quantity(found[0], "", digits)} to ${quantity(found[1], unit, digits)}`
        : `${label}: no values`;
    });
    return `${this.spec.title}, ${range}. ${lines.join("; ")}. Arrow keys move along it.`;
  }

  /** Show the values under the cursor; without one, the last there are. */
  read() {
    if (!this.chart) return;
    const { data, cursor } = this.chart;
    // After a zoom the cursor may still point behind the end of what is shown now.
    const isPointing =
      cursor.left >= 0 && cursor.idx !== null && cursor.idx !== undefined && cursor.idx < data[0].length;
    this.spec.lines.forEach(({ unit, digits }, at) => {
      const [low, high, mean] = data.slice(3 * at + 1, 3 * at + 4);
      const place = isPointing ? cursor.idx : mean.findLastIndex((value) => value !== null);
      setText(this.values[at], valueText(mean[place], low[place], high[place], unit, digits));
    });
    this.page.at(isPointing ? data[0][cursor.idx] : null);
  }

  step(event) {
    const x = this.chart.data[0];
    if (event.target !== this.place || !(event.key in STEPS) || !x.length) return;
    event.preventDefault();
    const isPointing = this.chart.cursor.left >= 0 && this.chart.cursor.idx !== null;
    const from = isPointing ? this.chart.cursor.idx : x.length - 1;
    const to = Math.max(
      0,
      Math.min(x.length - 1, isPointing || !Number.isFinite(STEPS[event.key]) ? from + STEPS[event.key] : from),
    );
    const chart = /** @type {any} */ (this.chart);
    // uPlot's types lack the third argument, by which the cursor of the other charts follows.
    chart.setCursor({ left: chart.valToPos(x[to], "x"), top: HEIGHT / 3 }, true, true);
  }

  select(chart) {
    const { left, width } = chart.select;
    if (width <= 0) return;
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.page.zoom(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
  }

  drag(start) {
    const perPixel = (this.window[1] - this.window[0]) / this.chart.over.clientWidth;
    const ended = new AbortController();
    const by = (event) => (start.clientX - event.clientX) * perPixel;
    const signal = AbortSignal.any([ended.signal, this.closed.signal]);
    document.addEventListener("mousemove", (event) => this.page.slide(by(event), false), { signal });
    document.addEventListener("mouseup", (event) => (ended.abort(), this.page.slide(by(event), true)), { signal });
    return null;
  }

  close() {
    this.closed.abort();
    this.resized.disconnect();
    this.chart.destroy();
  }
}

function valueText(mean, low, high, unit, digits) {
  const text = quantity(mean ?? null, unit, digits);
  const isSpread = low !== null && low !== undefined && high - low >= 10 ** -digits;
  return isSpread ? `${text} (${quantity(low, "", digits)} .. ${quantity(high, "", digits)})` : text;
}
