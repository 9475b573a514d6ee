// The figures of the battery's panel, and their words.

import { counted, estimate, fitting, quantity, share, slope, span } from "../core/format.js";
import { day, moment } from "../core/clock.js";
import { CHARGE_TYPES } from "../core/charge_types.js";

/** "of the last 3 charges, up to 5 May 2026". */
const newest = (count, word, last) => `of the last ${count === 1 ? word : counted(count, word)}, up to ${day(last)}`;
/** A resistance at 25 °C. */
const at25 = (mohm) => `${quantity(mohm, "mΩ")} at 25 °C`;

/** A counter of the passport: its number, or the reason why it lacks. */
const counter = (part, unit, digits = 1) => (part.status === "ok" ? quantity(part.value, unit, digits) : part);

const SILENCES = { charge: "Charges", drive: "Drives", unobserved: "Both unseen", rest: "Rests" };

/** Hours at rest above a state of charge, and their share. */
const restShare = ({ total_hours, ...hours }, name) =>
  `${quantity(hours[name], "h", 0)}, ${share(hours[name] / total_hours)} of the rest`;

/** The fall of soc at rest a day, and in watts where that is known. */
const loss = ({ percent_per_day, watts }) =>
  [`${estimate(percent_per_day, "%", 2)} a day`, ...(watts ? [quantity(watts.value, "W", 0)] : [])].join(", ");

/** The difference of the shown soc to that of the voltage. */
const byVoltage = ({ newest, low, high, rests }) =>
  `${quantity(newest, "%")} too high (${span(low, high, "%")}, ${counted(rests, "rest")})`;

/** The silences of one kind. */
const silence = ({ silences, hours, percent, km }) =>
  [
    quantity(silences, "", 0),
    fitting(3600 * hours, "s"),
    quantity(percent, "%"),
    ...(km ? [quantity(km, "km", 0)] : []),
  ].join(", ");

/** Values that no figure uses: "3 of soc, 1 of odometer". */
const leftOut = ({ soc_glitches, soh_zeros, temp_implausible, odo_zeros, odo_wrong }) =>
  [
    [soc_glitches, "soc"],
    [soh_zeros, "soh"],
    [temp_implausible, "temperature"],
    [odo_zeros + odo_wrong, "odometer"],
  ]
    .filter(([number]) => number > 0)
    .map(([number, signal]) => `${quantity(number, "", 0)} of ${signal}`)
    .join(", ") || "no value";

/**
 * @typedef {{value?: string, facts?: (string|object)[][], milestones?: any[], list?: string[]}} FigureText
 * @type {{title: string, of: (battery: any) => any, describe: (part: any) => FigureText}[]}
 */
export const FIGURES = [
  {
    title: "SoH trend",
    of: (battery) => battery.soh_trend,
    describe: ({ soh, per_year, per_10000_km, days, span_days, milestones }) => ({
      value: quantity(soh, "%"),
      facts: [
        ["Change", slope(per_year, "a year")],
        ["Per distance", per_10000_km.status === "ok" ? slope(per_10000_km, "per 10,000 km") : per_10000_km],
        ["Based on", `${counted(days, "day")} over ${counted(span_days, "day")}`],
      ],
      milestones,
    }),
  },
  {
    title: "Capacity",
    of: (battery) => battery.capacity,
    describe: ({ ah, n, spread_ah, newest_ah, newest_n, newest_day, nominal_share }) => ({
      value: quantity(newest_ah, "Ah"),
      facts: [
        ["Newest", newest(newest_n, "charging window", newest_day)],
        ...(nominal_share === null ? [] : [["Of nominal", share(nominal_share, 1)]]),
        ["Median", `${quantity(ah, "Ah")} of ${counted(n, "charging window")}`],
        ["Spread", quantity(spread_ah, "Ah")],
      ],
    }),
  },
  {
    title: "Internal resistance",
    of: (battery) => battery.resistance,
    describe: ({ mohm, mohm_at_25, n, sampling_ok, days, newest_mohm, newest_mohm_at_25, newest_n, newest_day }) => ({
      value: newest_mohm_at_25 === null ? quantity(newest_mohm, "mΩ") : at25(newest_mohm_at_25),
      facts: [
        ["Newest", newest(newest_n, "day", newest_day)],
        ...(newest_mohm_at_25 === null ? [] : [["As measured", quantity(newest_mohm, "mΩ")]]),
        ["Median", mohm_at_25 === null ? quantity(mohm, "mΩ") : at25(mohm_at_25)],
        ["Based on", `${counted(n, "pair")} of readings on ${counted(days.length, "day")}`],
        ...(sampling_ok ? [] : [["Caution", "sampled too slowly: polarisation is included"]]),
      ],
    }),
  },
  {
    title: "SoH by capacity",
    of: (battery) => battery.capacity_trend,
    describe: ({ newest, newest_n, soh, reported_soh, slope: change }) => ({
      value: soh.status === "ok" ? quantity(soh.value, "%") : quantity(newest.value, "Ah"),
      facts: [
        ["Interval", soh.status === "ok" ? `${span(soh.low, soh.high, "%")} in 95 % of cases` : soh],
        ["Reported", reported_soh === null ? "–" : `${quantity(reported_soh, "%")} by the vehicle`],
        ["Capacity", `${estimate(newest, "Ah")} of ${counted(newest_n, "charge")}`],
        ["Change", change.status === "ok" ? `${estimate(change.per_year, "Ah", 2)} a year` : change],
      ],
    }),
  },
  {
    title: "Resistance trend",
    of: (battery) => battery.resistance_trend,
    describe: ({ growth, per_year, activation_j, fitted, alike, days, span_days }) => ({
      value: quantity(growth.value, "%"),
      facts: [
        ["Growth", `${estimate(growth, "%")} in ${counted(span_days, "day")}`],
        ["A year", estimate(per_year, "%")],
        [
          "Temperature",
          fitted
            ? `activation energy ${quantity(activation_j.value / 1000, "kJ/mol", 0)}, by the weather of these days`
            : "not shown by these days: the interval holds all usual activation energies",
        ],
        ["Based on", `${counted(alike, "day")} of like temperature, of ${counted(days.length, "day")}`],
      ],
    }),
  },
  {
    title: "Charging",
    of: (battery) => battery.charging,
    describe: ({ types }) => ({
      list: types.map(({ type, charges, kwh_in, peak_kw, hours_hot, taper_soc }) => {
        const taper = taper_soc === null ? "" : `, less from ${quantity(taper_soc, "%", 0)} on`;
        const hot = hours_hot > 0 ? `; ${quantity(hours_hot, "h")} above 45 °C` : "";
        const energy = `${quantity(kwh_in, "kWh", 0)}, up to ${quantity(peak_kw, "kW")}`;
        return `${CHARGE_TYPES[type]}: ${counted(charges, "charge")}, ${energy}${taper}${hot}.`;
      }),
    }),
  },
  {
    title: "At rest",
    of: (battery) => battery,
    describe: ({ exposure, standby, rest_voltage, full_charge }) => ({
      facts: [
        ...(exposure.soc_at_rest.status === "ok"
          ? [
              ["Above 80 %", restShare(exposure.soc_at_rest, "hours_above_80")],
              ["Above 90 %", restShare(exposure.soc_at_rest, "hours_above_90")],
            ]
          : [["State of charge", exposure.soc_at_rest]]),
        ["Standby loss", standby.status === "ok" ? loss(standby) : standby],
        ["SoC by voltage", rest_voltage.status === "ok" ? byVoltage(rest_voltage) : rest_voltage],
        [
          "Last full charge",
          full_charge.status === "ok"
            ? `${quantity(full_charge.days, "days")} before the newest reading: ${moment(full_charge.at)}`
            : full_charge,
        ],
      ],
    }),
  },
  {
    title: "Ageing by time and by use",
    of: (battery) => battery.stress,
    describe: ({ calendar_share, calendar_factor, cycle_factor, mean_temp, mean_soc, mean_depth }) => ({
      value: `${share(calendar_share)} by time`,
      facts: [
        ["By time", `${quantity(calendar_factor, "", 2)} times that at 25 °C and 50 %`],
        ["By use", `${quantity(cycle_factor, "", 2)} times that of cycles of 50 %`],
        [
          "Means",
          `${quantity(mean_temp, "°C")}, SoC ${quantity(mean_soc, "%", 0)}, depth ${quantity(mean_depth, "%", 0)}`,
        ],
        ["Caution", "a published model of an NMC cell: a comparison, no forecast"],
      ],
    }),
  },
  {
    title: "Silences",
    of: (battery) => battery.silences,
    describe: ({ seen_percent, seen_kwh, silent_percent, parts }) => ({
      facts: [
        ["SoC while read", `${quantity(seen_percent, "%")}, ${quantity(seen_kwh, "kWh")} into the battery`],
        ["SoC in silences", quantity(silent_percent, "%")],
        ...parts.map((part) => [SILENCES[part.kind], silence(part)]),
      ],
    }),
  },
  {
    title: "Energy throughput",
    of: (battery) => battery.throughput,
    describe: ({ kwh_out, kwh_in, ah_out, ah_in, coverage }) => ({
      value: `${quantity(kwh_out, "kWh")} out`,
      facts: [
        ["In", `${quantity(kwh_in, "kWh")}, ${quantity(ah_in, "Ah")}`],
        ["Out", quantity(ah_out, "Ah")],
        ["Coverage", `${share(coverage)} of the time`],
      ],
    }),
  },
  {
    title: "Equivalent full cycles",
    of: (battery) => battery.cycles,
    describe: ({ count, by }) => ({
      value: quantity(count, "cycles", 2),
      facts: [["Counted by", by === "charge" ? "charge moved, over the nominal capacity" : "steps of SoC"]],
    }),
  },
  {
    title: "Consumption",
    of: (battery) => battery.consumption,
    describe: ({ kwh_per_100_km, kwh, km, drives, sampling_ok }) => ({
      value: quantity(kwh_per_100_km, "kWh/100 km"),
      facts: [
        ["Based on", `${counted(drives, "drive")}, ${quantity(km, "km", 0)}`],
        ["Net energy", quantity(kwh, "kWh")],
        ...(sampling_ok ? [] : [["Caution", "sampled too slowly: power swings between readings"]]),
      ],
    }),
  },
  {
    title: "Durability",
    of: (battery) => battery.durability,
    describe: ({ references }) => ({
      list: references.map(({ regulation, until_years, until_km, reference, soh, finding }) => {
        const limit = `${quantity(until_years, "years", 0)} or ${quantity(until_km, "km", 0)}`;
        const facts = `${quantity(reference, "%", 0)} until ${limit}; the vehicle reports ${quantity(soh, "%")}.`;
        return `${regulation}: ${finding}. ${facts}`;
      }),
    }),
  },
  {
    title: "Stress",
    of: (battery) => battery.passport,
    describe: ({
      hours_hot,
      hours_cold,
      hours_hot_charging,
      hours_cold_charging,
      deep_discharges,
      resistance_growth,
    }) => ({
      facts: [
        ["Above 45 °C", counter(hours_hot, "h")],
        ["… charging", counter(hours_hot_charging, "h")],
        ["Below 0 °C", counter(hours_cold, "h")],
        ["… charging", counter(hours_cold_charging, "h")],
        ["Deep discharges", counter(deep_discharges, "", 0)],
        ["Resistance growth", resistance_growth.status === "ok" ? estimate(resistance_growth, "%") : resistance_growth],
      ],
    }),
  },
  {
    title: "Data quality",
    of: (battery) => battery.quality,
    describe: ({
      readings,
      median_interval_s,
      p95_interval_s,
      gaps,
      gap_hours,
      longest_gap_s,
      coverage,
      late_share,
      cleaned,
      duplicates,
      rejected,
    }) => ({
      facts: [
        ["Readings", quantity(readings, "", 0)],
        ["Interval", `${fitting(median_interval_s, "s")} median, ${fitting(p95_interval_s, "s")} at 95 %`],
        [
          "Gaps",
          `${quantity(gaps, "", 0)}, ${fitting(3600 * gap_hours, "s")} in all, longest ${fitting(longest_gap_s, "s")}`,
        ],
        ["Coverage", share(coverage)],
        ["Late", share(late_share, 1)],
        ["Left out", leftOut(cleaned)],
        ["Duplicates", quantity(duplicates, "", 0)],
        ["Rejected", quantity(rejected, "", 0)],
      ],
    }),
  },
];
