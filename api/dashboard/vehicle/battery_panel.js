// Use and health of the battery: each figure with its evidence, or the reason why there is none.

import { day, isPast, moment } from "../core/clock.js";
import { fact, make, setText } from "../core/element.js";
import { FIGURES } from "./battery_figures.js";
import { quantity } from "../core/format.js";
import { withLabels } from "./profile_form.js";
import { BatteryCharts } from "./battery_charts.js";

export class BatteryPanel {
  constructor() {
    this.problem = make("p", { class: "problem", role: "alert" });
    this.window = make("p", { class: "muted" }, "Being worked out …");
    this.grid = make(
      "div",
      { class: "figures" },
      ...FIGURES.map(() => make("div", { class: "figure" }, make("span", { class: "skeleton wide" }, "\u00a0"))),
    );
    this.charts = new BatteryCharts();
    this.element = make(
      "section",
      { class: "panel" },
      make("h2", {}, "Battery health"),
      this.problem,
      this.window,
      this.charts.element,
      this.grid,
    );
    this.content = "";
  }

  /** @param {any} battery what GET /api/vehicles/{vin}/battery answers */
  show(battery) {
    setText(this.problem, "");
    const content = JSON.stringify(battery);
    if (content === this.content) return;
    this.content = content;
    setText(this.window, `From the readings of ${moment(battery.from_ts)} to ${moment(battery.to_ts)}`);
    this.charts.show(battery);
    this.grid.replaceChildren(...FIGURES.map((about) => figure(about, about.of(battery))));
  }

  /** @param {any} battery as before @param {any|null} days its window by days, from GET series; null without a trend */
  showTrend(battery, days) {
    this.charts.showTrend(battery.soh_trend, days);
  }

  fail(error) {
    setText(this.problem, error.message);
  }

  close() {
    this.charts.close();
  }
}

function figure(about, part) {
  const title = make("h3", {}, about.title);
  if (part.status !== undefined && part.status !== "ok") return make("div", { class: "figure" }, title, missing(part));
  const { value, facts = [], milestones, list } = about.describe(part);
  return make(
    "div",
    { class: "figure" },
    title,
    value ? make("p", { class: "value" }, value) : null,
    facts.length
      ? make(
          "dl",
          { class: "facts" },
          ...facts.flatMap(([term, content]) => fact(term, typeof content === "string" ? content : missing(content))),
        )
      : null,
    milestones?.length ? milestoneTable(milestones) : null,
    list?.length ? make("ul", {}, ...list.map((line) => make("li", {}, line))) : null,
  );
}

/** The reason why a figure can't be given. */
function missing({ status, reason }) {
  const needs = status === "skipped" ? "Needs the profile: " : "Not enough data: ";
  return make("span", { class: "missing" }, needs, withLabels(reason));
}

function milestoneTable(milestones) {
  const date = (text, passed) =>
    make(
      "td",
      {},
      text === null ? "never" : day(text),
      text !== null && passed && isPast(text) ? make("div", { class: "muted" }, "passed") : null,
    );
  const head = ["SoH falls to", "Earliest", "Likely", "Latest"].map((title) => make("th", { scope: "col" }, title));
  const rows = milestones.map(({ soh, passed, earliest, likely, latest }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, quantity(soh, "%", 0)),
      ...[earliest, likely, latest].map((text) => date(text, passed)),
    ),
  );
  return make("table", { class: "plain" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}
