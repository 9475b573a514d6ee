// Numbers and words for people. An unknown value is a dash.

const NONE = "–";
const formats = new Map();

function formatOf(digits) {
  if (!formats.has(digits)) {
    formats.set(
      digits,
      new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
    );
  }
  return formats.get(digits);
}

/** A number with so many decimals, and its unit. */
export function quantity(value, unit = "", digits = 1) {
  if (value === null || value === undefined) return NONE;
  const text = formatOf(digits)
    .format(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value)
    .replace("-", "\u2212");
  return unit ? `${text}\u00a0${unit}` : text;
}

/** A lowest and a highest value: "21.0 .. 24.5 °C". */
export function span(low, high, unit, digits = 1) {
  if (low === null && high === null) return NONE;
  if (low === null || high === null || low === undefined || high === undefined)
    return quantity(low ?? high, unit, digits);
  return `${quantity(low, "", digits)} .. ${quantity(high, unit, digits)}`;
}

/**
 * Power with its direction as an arrow and a word; positive leaves the pack.
 * @returns {{arrow: string, text: string, way: "out"|"in"|"none"}}
 */
export function power(kw, charging = false) {
  if (kw === null || kw === undefined) return { arrow: "", text: NONE, way: "none" };
  const size = quantity(Math.abs(kw), "kW");
  if (Math.abs(kw) < 0.05) return { arrow: "", text: `${size} idle`, way: "none" };
  // A charging vehicle takes power in, also where its source counts current with the other sign.
  if (kw > 0 && !charging) return { arrow: "↗", text: `${size} out`, way: "out" };
  return { arrow: "↙", text: charging ? `charging ${size}` : `${size} in`, way: "in" };
}

/** A share of 1 in per cent. */
export function share(value, digits = 0) {
  return value === null || value === undefined ? NONE : quantity(100 * value, "%", digits);
}

/** A length of time in the two largest units that it has. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.round(seconds);
  /** @type {[number, string][]} */
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0\u00a0s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}\u00a0${unit}`)
    .join(" ");
}

/** A quantity of the API with the unit that fits its size: a length of time in seconds as people say it. */
export function fitting(value, unit, digits = 2) {
  if (unit !== "s" || value === null || value === undefined) return quantity(value, unit, digits);
  return Math.abs(value) < 100
    ? quantity(value, "s", Number.isInteger(value) ? 0 : 1)
    : `${value < 0 ? "\u2212" : ""}${duration(Math.abs(value))}`;
}

/** "1 reading", "2 readings". */
export function counted(count, word, words = `${word}s`) {
  return `${formatOf(0).format(count)}\u00a0${count === 1 ? word : words}`;
}

/** A change of a percentage with its 95 % interval; `per` is "a year". */
export function slope({ value, low, high }, per) {
  const interval = `${quantity(low, "", 2)} to ${quantity(high, "", 2)}`;
  return `${quantity(value, "", 2)}\u00a0percentage points ${per} (95\u00a0%: ${interval})`;
}

/** A value with its 95 % interval: "12.6 % (95 %: 10.8 to 14.3)". */
export function estimate({ value, low, high }, unit, digits = 1) {
  return `${quantity(value, unit, digits)} (95\u00a0%: ${quantity(low, "", digits)} to ${quantity(high, "", digits)})`;
}

/** A code such as TEMP_HIGH in words. */
export function words(code) {
  const text = code.toLowerCase().replaceAll("_", " ").replace("soc", "SoC").replace("soh", "SoH");
  return text[0].toUpperCase() + text.slice(1);
}
