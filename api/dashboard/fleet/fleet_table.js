// The fleet's table. Cells change in place: neither focus nor scroll is lost when new readings come.

import { arrange, button, make, setAttribute, setText } from "../core/element.js";
import { COLUMNS } from "./fleet_columns.js";

const SKELETONS = 8;
const ARROWS = { asc: "▲", desc: "▼" };
const USUAL_ORDER = { vin: "asc", soc: "asc", soh: "asc", ts: "asc", received_at: "asc" };
/** The order of a column that was not turned around: what needs a look comes first. */
export const usualOrder = (sort) => USUAL_ORDER[sort] ?? "desc";

export class FleetTable {
  /** @param {(changes: Record<string, string|null>) => void} change */
  constructor(change) {
    this.rows = new Map();
    this.query = new URLSearchParams();
    this.heads = COLUMNS.map((column) => this.head(column, change));
    this.body = make("tbody", { role: "rowgroup" });
    this.body.append(...Array.from({ length: SKELETONS }, skeleton));
    // Said, because a narrow screen shows rows as cards, and a table that is not laid out as one is none.
    this.element = make(
      "table",
      { class: "vehicles", role: "table", "aria-label": "Vehicles" },
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...this.heads)),
      this.body,
    );
  }

  /** @param {import("./fleet_columns.js").Column} column */
  head({ title, sort, kind }, change) {
    if (!sort) return make("th", { scope: "col", role: "columnheader" }, title);
    const turn = () => change({ sort: sort === "alert" ? null : sort, order: this.nextOrder(sort), page: null });
    const arrow = make("span", { class: "arrow", "aria-hidden": "true" });
    const sorter = button(title, turn, { class: "sorter" });
    sorter.append(arrow);
    return make("th", { scope: "col", role: "columnheader", class: kind, "data-sort": sort }, sorter);
  }

  nextOrder(sort) {
    if (this.sort !== sort) return null;
    return this.order === usualOrder(sort) ? (this.order === "asc" ? "desc" : "asc") : null;
  }

  /** Show by what the rows are sorted. */
  showOrder(query) {
    this.sort = query.get("sort") ?? "alert";
    this.order = query.get("order") ?? usualOrder(this.sort);
    for (const head of this.heads) {
      const isSorted = head.dataset.sort === this.sort;
      setAttribute(head, "aria-sort", isSorted ? { asc: "ascending", desc: "descending" }[this.order] : null);
      const arrow = head.querySelector(".arrow");
      if (arrow) setText(arrow, isSorted ? ARROWS[this.order] : "");
    }
  }

  /** @param {any[]} vehicles in the order to show them */
  show(vehicles) {
    const wanted = new Set(vehicles.map(({ vin }) => vin));
    for (const vin of this.rows.keys()) if (!wanted.has(vin)) this.rows.delete(vin);
    arrange(
      this.body,
      vehicles.map((vehicle) => this.row(vehicle).element),
    );
  }

  row(vehicle) {
    let row = this.rows.get(vehicle.vin);
    if (!row) {
      row = new Row(vehicle);
      this.rows.set(vehicle.vin, row);
    }
    row.show(vehicle);
    return row;
  }
}

class Row {
  constructor(vehicle) {
    this.vehicle = vehicle;
    this.cells = COLUMNS.map((column) => column.make(this));
    this.element = make(
      "tr",
      { role: "row" },
      ...COLUMNS.map(({ title, kind }, place) =>
        make("td", { role: "cell", class: kind, "data-title": title }, this.cells[place]),
      ),
    );
  }

  show(vehicle) {
    this.vehicle = vehicle;
    COLUMNS.forEach((column, place) => column.show(this.cells[place], vehicle));
  }
}

function skeleton() {
  return make(
    "tr",
    { "aria-hidden": "true" },
    ...COLUMNS.map(() => make("td", {}, make("span", { class: "skeleton" }, "\u00a0"))),
  );
}
