// The columns of the fleet's table: for each a function that makes its cell, and one that shows a vehicle.

import { alertLines, alertTitle, badge, setBadge, worst } from "../core/badge.js";
import { ago, setTime, timeElement, utc } from "../core/clock.js";
import { make, setAttribute, setText } from "../core/element.js";
import { quantity, span } from "../core/format.js";
import { isLate, isLive, oldestTs } from "../core/liveness.js";
import { vehicleLink } from "../core/place.js";
import { powerFlow, showPower, showSoc, socBar } from "../core/state_figures.js";
import { explain } from "../core/tooltip.js";

/**
 * @typedef {{title: string, sort?: string, kind?: string, make: (row: {vehicle: any}) => Element,
 *   show: (cell: Element, vehicle: any) => void}} Column
 */

/** A column that is only a text. */
function text(title, signals, format) {
  return {
    title,
    sort: signals[0],
    kind: "number",
    make: () => make("span"),
    show: (cell, vehicle) => {
      setText(cell, format(vehicle));
      showAge(cell, vehicle, signals);
    },
  };
}

/** A value that is not of now is muted, and its tooltip says of when it is. */
function showAge(cell, vehicle, signals) {
  const ts = oldestTs(signals, vehicle);
  cell.classList.toggle("muted", ts !== undefined);
  setAttribute(cell, "title", ts ? `${ago(ts)}, ${utc(ts)} (UTC)` : null);
}

/** When its newest reading came; when it was taken, where it came that late. */
function lastSeen({ ts, received_at }) {
  return isLate(ts, received_at) ? ts : received_at;
}

/** @type {Column[]} */
export const COLUMNS = [
  {
    title: "VIN",
    sort: "vin",
    kind: "name",
    make: ({ vehicle }) => make("a", { href: vehicleLink(vehicle.vin), class: "vin" }, vehicle.vin),
    show: () => {},
  },
  {
    title: "Alert",
    sort: "alert",
    kind: "alert",
    make: (row) => {
      const shown = make("button", { type: "button", class: "explained", hidden: true }, badge("info", ""));
      explain(shown, () => alertLines(row.vehicle.alerts));
      return make("span", {}, shown, make("span", { class: "muted" }, "none"));
    },
    show: (cell, { alerts }) => {
      const [shown, none] = /** @type {HTMLElement[]} */ ([...cell.children]);
      shown.hidden = !alerts.length;
      none.hidden = alerts.length > 0;
      if (alerts.length) {
        setBadge(shown.firstChild, worst(alerts).severity, alertTitle(alerts));
        setAttribute(shown, "aria-label", `${worst(alerts).severity}: ${alertTitle(alerts)}`);
      }
    },
  },
  {
    title: "Connectivity",
    make: () => badge("offline", ""),
    show: (cell, { connectivity }) => setBadge(cell, connectivity?.state ?? "unknown"),
  },
  {
    title: "SoC",
    sort: "soc",
    kind: "number",
    make: socBar,
    show: (cell, vehicle) => {
      showSoc(cell, vehicle.soc);
      showAge(cell, vehicle, ["soc"]);
    },
  },
  {
    title: "Power",
    sort: "power_kw",
    kind: "number",
    make: powerFlow,
    // The power of a vehicle that has gone silent is not the power of now.
    show: (cell, vehicle) =>
      showPower(
        cell,
        isLive(vehicle.connectivity, vehicle.ts, vehicle.received_at) ? vehicle.power_kw : null,
        vehicle.charging,
      ),
  },
  text("Temperature", ["max_temp", "min_temp"], ({ min_temp, max_temp }) => span(min_temp, max_temp, "°C")),
  text("SoH", ["soh"], ({ soh }) => quantity(soh, "%")),
  { ...text("Odometer", ["odo_km"], ({ odo_km }) => quantity(odo_km, "km", 0)), kind: "number spare" },
  {
    title: "Last seen",
    sort: "ts",
    kind: "number",
    make: ({ vehicle }) => timeElement(lastSeen(vehicle), { relative: true }),
    show: (cell, vehicle) => setTime(cell, lastSeen(vehicle)),
  },
];
