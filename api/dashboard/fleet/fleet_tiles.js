// The number of vehicles in each state; each number is a link that filters.

import { make, setAttribute, setText } from "../core/element.js";
import { link } from "../core/place.js";
import { quantity } from "../core/format.js";

const TILES = [
  { label: "Vehicles", filter: {}, count: (counts) => counts.vehicles },
  { label: "Online", kind: "online", filter: { state: "online" }, count: (counts) => counts.online },
  { label: "Stale", kind: "stale", filter: { state: "stale" }, count: (counts) => counts.stale },
  { label: "Offline", kind: "offline", filter: { state: "offline" }, count: (counts) => counts.offline },
  { label: "Charging", kind: "charging", filter: { charging: "true" }, count: (counts) => counts.charging },
  { label: "Critical", kind: "critical", filter: { severity: "critical" }, count: ({ alerts }) => alerts.critical },
  {
    label: "Warning or worse",
    kind: "warning",
    filter: { severity: "warning" },
    count: ({ alerts }) => alerts.warning + alerts.critical,
  },
  {
    label: "Any alert",
    kind: "info",
    filter: { severity: "info" },
    count: ({ alerts }) => alerts.info + alerts.warning + alerts.critical,
  },
];
const FILTERS = ["state", "charging", "severity", "q"];

export class FleetTiles {
  constructor() {
    this.tiles = TILES.map((tile) => {
      const number = make("strong", { class: "number skeleton" }, "\u00a0");
      const element = make(
        "a",
        { class: "tile", href: link("/", tile.filter), "data-kind": tile.kind },
        number,
        make("span", {}, tile.label),
      );
      return { ...tile, number, element };
    });
    this.element = make(
      "nav",
      { class: "tiles", "aria-label": "Vehicles by state" },
      ...this.tiles.map((tile) => tile.element),
    );
  }

  /** @param {{vehicles: number, alerts: Record<string, number>}} counts */
  show(counts) {
    for (const tile of this.tiles) {
      tile.number.classList.remove("skeleton");
      setText(tile.number, quantity(tile.count(counts), "", 0));
    }
  }

  /** Tell which tile is what is being looked at. */
  mark(query) {
    for (const { element, filter } of this.tiles) {
      const isShown = FILTERS.every((name) => (query.get(name) ?? undefined) === filter[name]);
      setAttribute(element, "aria-current", isShown ? "true" : null);
    }
  }
}
