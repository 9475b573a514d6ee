// The columns of the fleet's table: for each a function that makes its cell, and one that shows a vehicle.

import { alertLines, alertTitle, badge, setBadge, worst } from "../core/badge.js";
import { ago, moment, setTime, timeElement, utc } from "../core/clock.js";
import { make, setAttribute, setText } from "../core/element.js";
import { quantity, span, words } from "../core/format.js";
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

/** The worst open episode, else the worst alert of the newest values; null without either. */
function worstOf({ worst_episode: episode, open_episodes, alerts }) {
  if (episode) {
    const more = open_episodes > 1 ? ` +${open_episodes - 1}` : "";
    return { severity: episode.severity, title: words(episode.code) + more };
  }
  return alerts.length ? { severity: worst(alerts).severity, title: alertTitle(alerts) } : null;
}

function linesOf({ worst_episode: episode, open_episodes, alerts }) {
  if (!episode) return alertLines(alerts);
  const rest = open_episodes > 1 ? `${open_episodes - 1} more open; see Events` : "";
  const state = episode.acknowledged ? "acknowledged" : "not acknowledged yet";
  const line = `${episode.severity}: ${words(episode.code)} since ${moment(Date.parse(episode.since))}, ${state}`;
  return [line, rest, ...alertLines(alerts)].filter(Boolean);
}

/** @type {Column[]} */
export const COLUMNS = [
  {
    title: "Vehicle",
    sort: "vin",
    kind: "name",
    make: ({ vehicle }) =>
      make("span", {}, make("a", { href: vehicleLink(vehicle.vin), class: "vin" }), make("span", { class: "muted" })),
    show: (cell, { vin, name }) => {
      setText(cell.firstChild, name ?? vin);
      setText(cell.lastChild, name ? ` ${vin}` : "");
    },
  },
  {
    title: "Alert",
    sort: "alert",
    kind: "alert",
    make: (row) => {
      const shown = make("button", { type: "button", class: "explained", hidden: true }, badge("info", ""));
      explain(shown, () => linesOf(row.vehicle));
      const since = timeElement(null, { relative: true });
      return make("span", {}, shown, make("span", { class: "muted" }, "none"), make("span", { class: "muted" }, since));
    },
    show: (cell, vehicle) => {
      const [shown, none, since] = /** @type {HTMLElement[]} */ ([...cell.children]);
      const found = worstOf(vehicle);
      shown.hidden = !found;
      none.hidden = found !== null;
      since.hidden = !vehicle.worst_episode;
      setTime(since.firstChild, vehicle.worst_episode?.since ?? null);
      if (found) {
        setBadge(shown.firstChild, found.severity, found.title);
        setAttribute(shown, "aria-label", `${found.severity}: ${found.title}`);
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
