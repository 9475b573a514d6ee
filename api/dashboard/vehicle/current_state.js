// The present state of a vehicle.

import { alertTitle, badge, setBadge } from "../core/badge.js";
import { setTime, timeElement } from "../core/clock.js";
import { arrange, make, setText } from "../core/element.js";
import { quantity, span, words } from "../core/format.js";
import { isLive, oldestTs } from "../core/liveness.js";
import { powerFlow, showPower, showSoc, socBar } from "../core/state_figures.js";

const text = (format) => ({ make: () => make("span"), show: (cell, state) => setText(cell, format(state)) });
/** @type {[string, string[], {make: () => HTMLElement, show: (cell: any, ...rest: any[]) => void}][]} */
const FIGURES = [
  ["State of charge", ["soc"], { make: socBar, show: (cell, { soc }) => showSoc(cell, soc) }],
  [
    "Power",
    ["power_kw"],
    {
      make: powerFlow,
      show: (cell, { power_kw }, charging, sign) =>
        showPower(cell, power_kw === null ? null : sign * power_kw, charging),
    },
  ],
  ["Voltage", ["pack_voltage"], text(({ pack_voltage }) => quantity(pack_voltage, "V"))],
  ["Current", ["pack_current"], text(({ pack_current }) => quantity(pack_current, "A"))],
  ["Temperatures", ["min_temp", "max_temp"], text(({ min_temp, max_temp }) => span(min_temp, max_temp, "°C"))],
  ["State of health", ["soh"], text(({ soh }) => quantity(soh, "%"))],
  ["Odometer", ["odo_km"], text(({ odo_km }) => quantity(odo_km, "km"))],
];

export class CurrentState {
  constructor(vin) {
    this.connectivity = badge("unknown", "…");
    this.since = timeElement(null, { relative: true });
    this.sinceText = make("span", { class: "muted", hidden: true }, "since ", this.since);
    this.ts = timeElement(null, { relative: true });
    this.alerts = make("ul", { class: "alerts", "aria-label": "Alerts now" });
    this.cells = FIGURES.map(([, , figure]) => figure.make());
    this.ages = FIGURES.map(() => timeElement(null, { relative: true }));
    const figures = FIGURES.map(([title], place) => {
      const age = make("span", { class: "muted age", hidden: true }, this.ages[place]);
      return make("div", {}, make("dt", {}, title), make("dd", {}, this.cells[place], age));
    });
    this.list = make("dl", { class: "now skeletons" }, ...figures);
    this.element = make(
      "section",
      { class: "state", "aria-label": "Current state" },
      make(
        "div",
        { class: "title" },
        make("h1", {}, vin),
        this.connectivity,
        this.sinceText,
        make("span", { class: "muted" }, "newest reading ", this.ts),
      ),
      this.alerts,
      this.list,
    );
  }

  /**
   * @param {any} state GET state
   * @param {1|-1} sign of the current
   */
  show(state, sign) {
    const { connectivity } = state;
    this.list.classList.remove("skeletons");
    setTime(this.ts, state.ts);
    setBadge(this.connectivity, connectivity.state);
    setTime(this.since, connectivity.since);
    this.sinceText.hidden = !connectivity.since;
    // The power of a vehicle that has gone silent is not the power of now.
    const now = isLive(connectivity, state.ts, state.received_at)
      ? state
      : { ...state, power_kw: null, pack_current: null, charging: false };
    FIGURES.forEach(([, signals, figure], place) => {
      figure.show(this.cells[place], now, now.charging, sign);
      const age = oldestTs(signals, now);
      setTime(this.ages[place], age ?? null);
      this.ages[place].parentElement.hidden = !age;
    });
    this.showAlerts(state.alerts);
  }

  showAlerts(alerts) {
    const shown = [...this.alerts.children];
    const lines = alerts.map((alert, place) => {
      const line = shown[place] ?? make("li", {}, badge("info", ""), make("span"));
      setBadge(line.firstChild, alert.severity, alertTitle([alert]) || words(alert.code));
      setText(line.lastChild, alert.message);
      return line;
    });
    arrange(this.alerts, lines);
  }
}
