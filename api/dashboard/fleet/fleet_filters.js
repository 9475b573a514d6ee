// Search and filters above the fleet's table.

import { make, button } from "../core/element.js";
import { COLUMNS } from "./fleet_columns.js";

const TYPING_MS = 250;
/** Characters that no VIN holds, such as the blanks around a copied one. */
const NO_VIN = /[^A-Za-z0-9-]/g;
/** @type {Record<string, [string, string[][]]>} */
const CHOICES = {
  state: [
    "Connectivity",
    [
      ["", "any"],
      ["online", "online"],
      ["stale", "stale"],
      ["offline", "offline"],
    ],
  ],
  severity: [
    "Alerts",
    [
      ["", "any or none"],
      ["info", "any alert"],
      ["warning", "warning or worse"],
      ["critical", "critical"],
    ],
  ],
  charging: [
    "Charging",
    [
      ["", "any"],
      ["true", "charging"],
      ["false", "not charging"],
    ],
  ],
  sort: [
    "Sort by",
    [
      ["", "worst alert"],
      ...COLUMNS.filter(({ sort }) => sort && sort !== "alert").map(({ sort, title }) => [sort, title]),
    ],
  ],
};

export class FleetFilters {
  /** @param {(changes: Record<string, string|null>, how?: {replace: boolean}) => void} change */
  constructor(change) {
    this.typing = 0;
    this.search = make("input", {
      type: "search",
      id: "search",
      placeholder: "VIN",
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 40,
    });
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(
        () => change({ q: this.search.value.replace(NO_VIN, "") }, { replace: true }),
        TYPING_MS,
      );
    });
    this.choices = new Map();
    const fields = Object.entries(CHOICES).map(([name, [title, options]]) => {
      const select = make(
        "select",
        { id: `by-${name}` },
        ...options.map(([value, text]) => make("option", { value }, text)),
      );
      select.addEventListener("change", () =>
        change(name === "sort" ? { sort: select.value, order: null } : { [name]: select.value }),
      );
      this.choices.set(name, select);
      return field(title, select, name === "sort" ? "narrow-only" : "");
    });
    const reset = button("Clear", () => change({ q: null, state: null, severity: null, charging: null }), {
      class: "quiet",
    });
    this.reset = reset;
    this.element = make(
      "div",
      { class: "filters", role: "search" },
      field("Search", this.search, "grows"),
      ...fields,
      reset,
    );
  }

  /** Show what the address says. */
  show(query) {
    // Not under the hands of someone who types.
    if (document.activeElement !== this.search) this.search.value = query.get("q") ?? "";
    for (const [name, select] of this.choices) select.value = query.get(name) ?? "";
    this.reset.disabled = !["q", "state", "severity", "charging"].some((name) => query.has(name));
  }

  close() {
    clearTimeout(this.typing);
  }
}

function field(title, control, kind) {
  return make("div", { class: `field ${kind}` }, make("label", { for: control.id }, title), control);
}
