// Charging: which vehicle is ready this morning, which is low and not plugged in, which did not charge.

import { ApiError, ask } from "../core/api.js";
import { setTime, timeElement } from "../core/clock.js";
import { arrange, make, setAttribute, setText } from "../core/element.js";
import { counted, quantity } from "../core/format.js";
import * as outage from "../core/outage.js";
import { Pager } from "../core/pager.js";
import { changedQuery, go, link, vehicleLink } from "../core/place.js";
import { Poll } from "../core/poll.js";
import { powerFlow, showPower, showSoc, socBar } from "../core/state_figures.js";

const EVERY_MS = 5000;
const PAGE_SIZE = 100;
const TILES = [
  ["all", "Vehicles", "vehicles"],
  ["charging", "Charging", "charging"],
  ["low", "Low and not charging", "low"],
  ["not_charged", "Not charged in 24 h", "not_charged"],
];
const HEADS = ["Vehicle", "SoC", "Now", "Full at", "Last charge", "Newest reading"];

export class ChargingPage {
  constructor(main, query) {
    document.title = "Charging · Fleet";
    this.rows = new Map();
    this.tiles = TILES.map(([show, label, name]) => {
      const number = make("strong", { class: "number skeleton" }, "\u00a0");
      const href = link("/charging", show === "all" ? {} : { show });
      const element = make("a", { class: "tile", href, "data-kind": name }, number, make("span", {}, label));
      return { show, name, number, element };
    });
    this.found = make("p", { class: "found muted", role: "status" });
    this.pager = new Pager((page) => this.turn(page));
    this.body = make("tbody", { role: "rowgroup" });
    const heads = HEADS.map((title) => make("th", { scope: "col", role: "columnheader" }, title));
    main.append(
      make("h1", { class: "visually-hidden" }, "Charging"),
      make("nav", { class: "tiles", "aria-label": "Vehicles by charging" }, ...this.tiles.map((tile) => tile.element)),
      this.found,
      make(
        "table",
        { class: "vehicles", role: "table", "aria-label": "Charging" },
        make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)),
        this.body,
      ),
      this.pager.element,
    );
    this.poll = new Poll(
      EVERY_MS,
      (signal) => this.refresh(signal),
      (error) => this.fail(error),
      outage.slow,
    );
    this.update(query);
  }

  /** Show what this query asks for. */
  update(query) {
    this.query = query;
    const shown = query.get("show") ?? "all";
    for (const { show, element } of this.tiles) setAttribute(element, "aria-current", show === shown ? "true" : null);
    this.poll.now();
  }

  turn(page) {
    go(link("/charging", changedQuery(this.query, { page })));
  }

  async refresh(signal) {
    const asked = { ...Object.fromEntries(this.query), page_size: PAGE_SIZE };
    const fleet = await ask("fleet/charging", asked, { signal });
    outage.worked();
    for (const { name, number } of this.tiles) {
      number.classList.remove("skeleton");
      setText(number, quantity(fleet.counts[name], "", 0));
    }
    setText(this.found, counted(fleet.matching, "vehicle"));
    this.pager.show(fleet.page, fleet.pages);
    const wanted = new Set(fleet.vehicles.map(({ vin }) => vin));
    for (const vin of this.rows.keys()) if (!wanted.has(vin)) this.rows.delete(vin);
    arrange(
      this.body,
      fleet.vehicles.map((vehicle) => this.row(vehicle)),
    );
  }

  row(vehicle) {
    let row = this.rows.get(vehicle.vin);
    if (!row) {
      row = new Row(vehicle);
      this.rows.set(vehicle.vin, row);
    }
    row.show(vehicle);
    return row.element;
  }

  fail(error) {
    if (!(error instanceof ApiError) || error.isOutage || error.isBusy) return outage.failed(error);
    outage.worked();
    this.body.replaceChildren();
    return setText(this.found, error.message);
  }

  close() {
    this.poll.close();
  }
}

class Row {
  constructor({ vin, name }) {
    this.soc = socBar();
    this.flow = powerFlow();
    this.state = make("span", { class: "muted" });
    this.done = timeElement(null);
    this.charged = timeElement(null);
    this.newest = timeElement(null, { relative: true });
    const vehicle = make("a", { href: vehicleLink(vin), class: "vin" }, name ? `${name} (${vin})` : vin);
    const cells = [vehicle, this.soc, make("span", {}, this.flow, this.state), this.done, this.charged, this.newest];
    this.element = make(
      "tr",
      { role: "row" },
      ...cells.map((cell, place) =>
        make("td", { role: "cell", class: place ? null : "name", "data-title": HEADS[place] }, cell),
      ),
    );
  }

  show({ soc, charging, low, power_kw, done_at, charged_at, ts }) {
    showSoc(this.soc, soc);
    this.flow.hidden = !charging;
    if (charging) showPower(this.flow, power_kw, true);
    setText(this.state, charging ? "" : low ? "low, not charging" : "not charging");
    setTime(this.done, done_at);
    setTime(this.charged, charged_at);
    setTime(this.newest, ts);
  }
}
