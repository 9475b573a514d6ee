// The choice of events: open now, the last 24 hours, or what changed since a moment; filters beside it.

import { localInput } from "../core/clock.js";
import { button, make, setAttribute } from "../core/element.js";
import { words } from "../core/format.js";
import { CODES } from "./codes.js";

const TYPING_MS = 250;
const NO_VIN = /[^A-Za-z0-9-]/g;
const SHOWS = [
  ["open", "Open now"],
  ["day", "Last 24 hours"],
  ["since", "Changed since"],
];
const SEVERITIES = [
  ["", "any"],
  ["warning", "warning or worse"],
  ["critical", "critical"],
];
const ACKNOWLEDGED = [
  ["", "any"],
  ["false", "not yet"],
  ["true", "acknowledged"],
];
const FILTERS = ["severity", "code", "q", "acknowledged"];

export class EventFilters {
  /** @param {(changes: Record<string, string|null>, how?: {replace: boolean}) => void} change */
  constructor(change) {
    this.typing = 0;
    this.shows = new Map(
      SHOWS.map(([value, text]) => [
        value,
        button(text, () => change({ show: value === "open" ? null : value }), { "aria-pressed": "false" }),
      ]),
    );
    this.since = make("input", { type: "datetime-local", id: "since", "aria-label": "Since" });
    this.since.addEventListener("change", () => {
      const time = Date.parse(this.since.value);
      if (!Number.isNaN(time)) change({ show: "since", since: new Date(time).toISOString() });
    });
    this.search = make("input", { type: "search", id: "event-vin", placeholder: "VIN", maxlength: 40 });
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      const vin = this.search.value.replace(NO_VIN, "").toUpperCase();
      this.typing = setTimeout(() => change({ q: vin }, { replace: true }), TYPING_MS);
    });
    const all = [["", "any"], ...CODES.map((code) => [code, words(code)])];
    this.choices = new Map([
      ["severity", choice("severity", SEVERITIES, change)],
      ["code", choice("code", all, change)],
      ["acknowledged", choice("acknowledged", ACKNOWLEDGED, change)],
    ]);
    this.reset = button("Clear", () => change(Object.fromEntries(FILTERS.map((name) => [name, null]))), {
      class: "quiet",
    });
    this.element = make(
      "div",
      { class: "filters", role: "search" },
      make("div", { class: "group", role: "group", "aria-label": "Events" }, ...this.shows.values(), this.since),
      field("VIN begins with", this.search, "grows"),
      field("Severity", this.choices.get("severity")),
      field("Rule", this.choices.get("code")),
      field("Acknowledged", this.choices.get("acknowledged")),
      this.reset,
    );
  }

  /** Show what the address says. */
  show(query) {
    const shown = query.get("show") ?? "open";
    for (const [value, choice] of this.shows) setAttribute(choice, "aria-pressed", String(value === shown));
    if (document.activeElement !== this.since)
      this.since.value = query.has("since") ? localInput(Date.parse(query.get("since"))).slice(0, 16) : "";
    if (document.activeElement !== this.search) this.search.value = query.get("q") ?? "";
    for (const [name, select] of this.choices) select.value = query.get(name) ?? "";
    this.reset.disabled = !FILTERS.some((name) => query.has(name));
  }

  close() {
    clearTimeout(this.typing);
  }
}

function choice(name, options, change) {
  const select = make(
    "select",
    { id: `event-${name}` },
    ...options.map(([value, text]) => make("option", { value }, text)),
  );
  select.addEventListener("change", () => change({ [name]: select.value }));
  return select;
}

function field(title, control, kind = "") {
  return make("div", { class: `field ${kind}` }, make("label", { for: control.id }, title), control);
}
