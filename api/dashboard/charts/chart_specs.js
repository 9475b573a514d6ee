// The lines and scales of each chart. `codes` are the episodes below it, and the first chart takes all others; of
// those in `limits` the threshold is a line on the scale that is named.

/**
 * @typedef {{label: string, signal: string, colour: string, unit: string, digits: number,
 *   scale: string}} Line one signal: a line of means in a band from its lowest to its highest
 * @typedef {{title: string, lines: Line[], scales: Record<string, {side: number, least: number, zero?: boolean,
 *   most?: [number, number]}>, codes: string[], limits?: Record<string, string>}} Spec
 */

const line = (signal, label, unit, colour, digits = 1, scale = "y") => ({ label, signal, unit, colour, digits, scale });

/** @type {Spec[]} */
export const SPECS = [
  {
    title: "State of charge",
    lines: [line("soc", "SoC", "%", "accent")],
    scales: { y: { side: 3, least: 10, most: [0, 100] } },
    codes: [],
    limits: { SOC_LOW: "y" },
  },
  {
    title: "Power",
    lines: [line("power_kw", "out positive, in negative:", "kW", "second")],
    scales: { y: { side: 3, least: 2, zero: true } },
    codes: ["SIGN_SUSPECT"],
  },
  {
    title: "Voltage and current",
    lines: [line("pack_voltage", "Voltage", "V", "accent"), line("pack_current", "Current", "A", "hot", 1, "a")],
    scales: { y: { side: 3, least: 10 }, a: { side: 1, least: 10 } },
    codes: ["PACK_OVERVOLT", "PACK_UNDERVOLT", "OVERCURRENT", "STUCK_SENSOR", "SENSOR_OFFSET"],
  },
  {
    title: "Temperatures",
    lines: [line("max_temp", "Hottest cell", "°C", "hot"), line("min_temp", "Coldest cell", "°C", "cold")],
    scales: { y: { side: 3, least: 5 } },
    codes: [
      "TEMP_HIGH",
      "TEMP_HIGH_CHARGING",
      "COLD_CHARGING",
      "TEMP_SPREAD",
      "TEMP_RISE",
      "THERMAL_EVENT",
      "HEATING_AT_REST",
      "SENSOR_IMPLAUSIBLE",
    ],
    limits: { TEMP_HIGH: "y", TEMP_HIGH_CHARGING: "y", COLD_CHARGING: "y" },
  },
];
