// Drives, charges, and energy out of a parked vehicle.

import { fact, make } from "../core/element.js";
import { timeElement } from "../core/clock.js";
import { duration, quantity, share, span } from "../core/format.js";
import { PagedList } from "../core/paged_list.js";

const TITLES = {
  drive: "Drive",
  charge: "Charge",
  discharge: "Discharge",
  standby: "Standby",
  unobserved: "Unobserved",
};
const SHAPES = { drive: "▁", charge: "▔", discharge: "▄", standby: "–", unobserved: "·" };
const MEANINGS = {
  discharge: "Energy out of the parked vehicle: into a house, a grid, a device or its heater.",
  standby: "Parked on the plug: no more energy flowed in than out.",
};
const AT_REST = new Set(["charge", "discharge", "standby"]);

/** @param {(next: string) => Promise<any>} more */
export function sessionList(more) {
  return new PagedList({
    title: "Drives and charges",
    nothing: "Neither a drive nor a charge in this window.",
    row,
    more,
  });
}

function row(session) {
  const {
    kind,
    inferred,
    started_at,
    ended_at,
    end_known,
    soc_from,
    soc_to,
    kwh_in,
    kwh_in_low,
    kwh_in_high,
    kwh_out,
    kwh_out_low,
    kwh_out_high,
    sampling_ok,
    km,
    parts: pulses,
    peak_kw,
    mean_kw,
    max_temp,
    samples,
    coverage,
  } = session;
  const isCharge = kind === "charge";
  const energy = isCharge ? kwh_in : kwh_out;
  // Of readings far apart, the energy is known up to a band.
  const band = (low, high) => (sampling_ok || low === null || high === null ? "" : ` (${span(low, high, "kWh")})`);
  const lasted = duration((Date.parse(ended_at) - Date.parse(started_at)) / 1000);
  const isKnown = soc_from !== null && soc_to !== null;
  const soc = isKnown ? `${quantity(soc_from, "", 0)} → ${quantity(soc_to, "%", 0)}` : "";
  const parts = [
    end_known ? lasted : `at least ${lasted}`,
    soc,
    !AT_REST.has(kind) && km !== null ? quantity(km, "km") : "",
    energy !== null ? quantity(energy, "kWh") : "",
    pulses > 1 ? `${quantity(pulses, "", 0)} parts` : "",
  ];
  return make(
    "details",
    { "data-key": started_at },
    make(
      "summary",
      {},
      make(
        "span",
        { class: "kind", "data-kind": kind },
        make("span", { "aria-hidden": "true" }, `${SHAPES[kind] ?? ""} `),
        TITLES[kind] ?? kind,
      ),
      timeElement(started_at),
      make("span", { class: "muted" }, parts.filter(Boolean).join(" · "), inferred ? " · inferred" : ""),
    ),
    inferred ? make("p", {}, "Seen only by what had changed after a gap.") : null,
    MEANINGS[kind] ? make("p", {}, MEANINGS[kind]) : null,
    make(
      "dl",
      { class: "facts" },
      ...fact(end_known ? "Ended" : "Seen until", timeElement(ended_at)),
      ...fact("Energy out", `${quantity(kwh_out, "kWh", 2)}${band(kwh_out_low, kwh_out_high)}`),
      ...(kwh_out === null && kwh_out_low !== null
        ? fact("Energy out, about", span(kwh_out_low, kwh_out_high, "kWh"))
        : []),
      ...fact("Energy in", `${quantity(kwh_in, "kWh", 2)}${band(kwh_in_low, kwh_in_high)}`),
      ...(kwh_in === null && kwh_in_low !== null ? fact("Energy in, at least", quantity(kwh_in_low, "kWh")) : []),
      ...(pulses > 1 ? fact("Parts", quantity(pulses, "", 0)) : []),
      ...fact("Distance", quantity(km, "km")),
      ...fact("Peak power", quantity(peak_kw, "kW")),
      ...fact("Mean power", quantity(mean_kw, "kW")),
      ...fact("Hottest cell", quantity(max_temp, "°C")),
      ...fact("Coverage", `${share(coverage)} of the time`),
      ...fact("Readings", quantity(samples, "", 0)),
    ),
  );
}
