// States as a shape and a word; the colour only repeats them.

import { make, setAttribute, setText } from "./element.js";
import { words } from "./format.js";

const SHAPES = { critical: "▲", warning: "◆", info: "●", online: "●", stale: "◐", offline: "○", ok: "✓" };
const SEVERITIES = ["info", "warning", "critical"];

/** @param {{severity: string, code: string, message: string}[]} alerts */
export function worst(alerts) {
  return alerts.reduce(
    (found, alert) =>
      !found || SEVERITIES.indexOf(alert.severity) > SEVERITIES.indexOf(found.severity) ? alert : found,
    null,
  );
}

/** A state such as online, or a severity. */
export function badge(kind, text = kind) {
  const element = make("span", { class: "badge" }, make("span", { "aria-hidden": "true" }), make("span"));
  setBadge(element, kind, text);
  return element;
}

/** Let a badge show another state. */
export function setBadge(element, kind, text = kind) {
  setAttribute(element, "data-kind", kind);
  setText(element.firstChild, SHAPES[kind] ?? "·");
  setText(element.lastChild, text);
}

/** The worst alert of several in a line: "Temp high +1". */
export function alertTitle(alerts) {
  const found = worst(alerts);
  if (!found) return "";
  return words(found.code) + (alerts.length > 1 ? ` +${alerts.length - 1}` : "");
}

/** The alerts as lines for an explanation. */
export function alertLines(alerts) {
  return alerts.map((alert) => `${alert.severity}: ${alert.message}`);
}
