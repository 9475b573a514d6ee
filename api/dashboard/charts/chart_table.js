// The values of the charts as a table, for those who read rather than look; made when it is opened.

import { make } from "../core/element.js";
import { quantity } from "../core/format.js";
import { timeElement } from "../core/clock.js";
import { SPECS } from "./chart_specs.js";

const LINES = SPECS.flatMap(({ title, lines }) =>
  lines.map((line) => ({ ...line, title: lines.length > 1 ? line.label : title })),
);
const MOST = 500;

export class ChartTable {
  constructor() {
    this.series = null;
    this.body = make("tbody");
    const heads = LINES.map(({ title, unit }) => make("th", { scope: "col" }, `${title}, ${unit}`));
    const table = make(
      "table",
      { class: "plain" },
      make(
        "thead",
        {},
        make("tr", {}, make("th", { scope: "col" }, "From"), ...heads, make("th", { scope: "col" }, "Readings")),
      ),
      this.body,
    );
    this.element = make(
      "details",
      { class: "values", on: { toggle: () => this.fill() } },
      make("summary", {}, "Values as a table"),
      make("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Values of the charts" }, table),
    );
  }

  show(series) {
    this.series = series;
    this.fill();
  }

  fill() {
    if (!this.element.open || !this.series) return this.body.replaceChildren();
    const { begin, samples, columns } = this.series;
    const first = Math.max(0, begin.length - MOST);
    const rows = begin.slice(first).map((seconds, offset) => {
      const place = first + offset;
      const cells = LINES.map(({ signal, digits }) =>
        make("td", {}, quantity(columns[signal].mean[place], "", digits)),
      );
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, timeElement(seconds * 1000)),
        ...cells,
        make("td", {}, String(samples[place])),
      );
    });
    return this.body.replaceChildren(...rows.reverse());
  }
}
