// All charts of a vehicle: one window, one cursor.

import { Chart } from "./chart.js";
import { ChartTable } from "./chart_table.js";
import { SPECS } from "./chart_specs.js";
import { moment } from "../core/clock.js";
import { make, setText } from "../core/element.js";

const SYNC = "vehicle";

export class Charts {
  /** @param {(from: number, to: number) => void} choose takes a new window in milliseconds */
  constructor(choose) {
    this.choose = choose;
    /** @type {[number, number]} */
    this.window = [0, 1];
    this.time = make("p", { class: "at", "aria-live": "polite" });
    const page = {
      sync: SYNC,
      zoom: (from, to) => choose(from * 1000, to * 1000),
      slide: (by, isDone) => this.slide(by, isDone),
      at: (time) => this.at(time),
    };
    this.charts = SPECS.map((spec) => new Chart(spec, page));
    this.table = new ChartTable();
    this.nothing = make("p", { class: "nothing", hidden: true });
    this.problem = make("p", { class: "problem", role: "alert" });
    this.rest = make("p", { class: "rest muted", role: "status" });
    const key = ["▁ drive", "▔ charge", "▲◆● alert episode", "pale: lowest to highest"].map((text) =>
      make("span", {}, text),
    );
    const head = make("div", { class: "head muted" }, this.time, make("p", { class: "key" }, ...key));
    this.grid = make("div", { class: "charts" }, ...this.charts.map((chart) => chart.element));
    this.element = make("div", {}, head, this.rest, this.problem, this.nothing, this.grid, this.table.element);
    this.at(null);
  }

  /** @param {import("./series.js").Series} series @param {import("./window.js").Window} window */
  show(series, window) {
    this.window = [window.from / 1000, window.to / 1000];
    setText(this.problem, "");
    const aligned = series.aligned();
    for (const chart of this.charts) chart.show(series, aligned, this.window);
    this.table.show(series);
  }

  /** @param {any[]} sessions @param {any[]} episodes as the API gives them */
  annotate(sessions, episodes) {
    const stretches = sessions.map(({ kind, inferred, started_at, ended_at }) => ({
      kind,
      inferred,
      from: Date.parse(started_at) / 1000,
      to: Date.parse(ended_at) / 1000,
    }));
    const claimed = new Set(SPECS.flatMap(({ codes }) => codes));
    this.charts.forEach((chart, place) => {
      const isMine = ({ code }) => chart.spec.codes.includes(code) || (place === 0 && !claimed.has(code));
      chart.annotate(stretches, episodes.filter(isMine));
    });
  }

  /** Say that marks and bands are not all there are. */
  tellRest(isMore, shown) {
    setText(
      this.rest,
      isMore ? `Marked are the newest ${shown} drives and charges and as many episodes; zoom in for the others.` : "",
    );
  }

  /** Say why this window can't be shown. */
  refuse(why) {
    setText(this.problem, why);
  }

  slide(by, isDone) {
    const moved = this.window.map((end) => end + by);
    if (isDone) {
      if (by) this.choose(moved[0] * 1000, moved[1] * 1000);
    } else {
      for (const chart of this.charts) chart.look(moved);
    }
  }

  at(time) {
    setText(
      this.time,
      time === null
        ? "Last values of the window. Drag to zoom, shift-drag to move, arrow keys to read."
        : `Values at ${moment(time * 1000)}`,
    );
  }

  close() {
    for (const chart of this.charts) chart.close();
  }
}
