// One vehicle: its present state, its history, and the health of its battery.

import { ask } from "../core/api.js";
import { BatteryPanel } from "./battery_panel.js";
import { Charts } from "../charts/charts.js";
import { CurrentState } from "./current_state.js";
import { Diagnoses } from "./diagnoses.js";
import { Download } from "./download.js";
import { button, make, setText } from "../core/element.js";
import { firstReading } from "../core/first_reading.js";
import * as outage from "../core/outage.js";
import { depth, go, vehicleLink } from "../core/place.js";
import { Poll } from "../core/poll.js";
import { ProfileForm } from "./profile_form.js";
import { SeriesFeed } from "../charts/series_feed.js";
import { moment } from "../core/clock.js";
import { follow, queryOf, windowOf } from "../charts/window.js";
import { WindowBar } from "./window_bar.js";

const STATE_EVERY_MS = 1000;

export class VehiclePage {
  constructor(main, vin, query) {
    document.title = `${vin} · Fleet`;
    this.main = main;
    this.vin = vin;
    this.path = `vehicles/${encodeURIComponent(vin)}`;
    this.query = query;
    this.oldest = null;
    this.newest = null;
    this.hint = null;
    this.state = new CurrentState(vin);
    this.bar = new WindowBar({
      range: (range) => go(vehicleLink(vin, { range })),
      window: (from, to) => this.choose(from, to),
      back: () => history.back(),
    });
    this.download = new Download(vin);
    this.bar.element.append(this.download.element);
    this.charts = new Charts((from, to) => this.choose(from, to));
    this.battery = new BatteryPanel();
    this.profile = new ProfileForm(`${this.path}/profile`, () => this.diagnoses.renew());
    this.feed = new SeriesFeed(
      this.path,
      () => this.window,
      (series) => this.showSeries(series),
      (error) => this.charts.refuse(error.message),
    );
    this.diagnoses = new Diagnoses(this.path, vin, () => this.window, this.charts, this.battery, this.profile);
    const { episodes, sessions, rejections } = this.diagnoses;
    const charts = make("section", { class: "panel", "aria-label": "Charts" }, this.bar.element, this.charts.element);
    const lists = make("div", { class: "lists" }, episodes.element, sessions.element);
    const rest = make("div", { class: "lists" }, this.profile.element, rejections.element);
    this.body = make("div", { class: "vehicle" }, this.state.element, charts, lists, this.battery.element, rest);
    main.append(this.body);
    this.poll = new Poll(
      STATE_EVERY_MS,
      (signal) => this.refresh(signal),
      (error) => this.fail(error),
      outage.slow,
    );
    this.poll.now();
  }

  /** The window to show, up to now; null until it is known when the readings begin and end. */
  get window() {
    if (this.chosen === undefined) return null;
    return follow(this.chosen);
  }

  update(query) {
    this.query = query;
    if (this.oldest !== null) this.look();
  }

  /** Look at another window: a place of its own, so the browser's way back leads out of it. */
  choose(from, to) {
    go(vehicleLink(this.vin, queryOf(from, to)), { deeper: true });
  }

  async refresh(signal) {
    const state = await ask(`${this.path}/state`, {}, { signal });
    this.newest = Date.parse(state.ts);
    if (this.oldest === null) {
      const first = await ask(`${this.path}/telemetry`, { order: "asc", limit: 1 }, { signal });
      this.oldest = Date.parse(first.items[0]?.ts ?? state.ts);
      this.look();
    }
    outage.worked();
    this.showHint(false);
    this.state.show(state, /** @type {1|-1} */ (this.profile.sign));
  }

  fail(error) {
    if (error.status !== 404) return outage.failed(error);
    outage.worked();
    return this.showHint(true);
  }

  showHint(isUnknown) {
    this.body.hidden = isUnknown;
    if (isUnknown && !this.hint) {
      this.hint = firstReading(`No reading of ${this.vin} is stored`, this.vin);
      this.hint.prepend(make("p", {}, make("a", { href: "#/" }, "Back to the fleet")));
      this.main.append(this.hint);
    } else if (!isUnknown && this.hint) {
      this.hint.remove();
      this.hint = null;
    }
  }

  look() {
    this.chosen = windowOf(this.query, this.oldest, this.newest);
    this.bar.show(this.chosen, depth() > 0);
    this.download.show(this.chosen);
    this.feed.restart();
    this.diagnoses.restart();
  }

  showSeries(series) {
    const { window } = this;
    this.bar.show(window, depth() > 0);
    this.download.show(window);
    this.charts.show(series, window);
    this.showNothing(series.isEmpty);
  }

  showNothing(isEmpty) {
    const { nothing } = this.charts;
    if (isEmpty === !nothing.hidden) return;
    nothing.hidden = !isEmpty;
    nothing.replaceChildren();
    if (!isEmpty) return;
    const there = make("span");
    setText(there, `No readings in this window. The newest is of ${moment(this.newest)}. `);
    nothing.append(
      there,
      button("Show the last ones", () => this.choose(this.newest - 3_600_000, this.newest + 60_000)),
    );
  }

  close() {
    for (const part of [this.poll, this.feed, this.diagnoses, this.charts, this.battery, this.profile, this.download])
      part.close();
  }
}
