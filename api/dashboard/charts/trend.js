// Trends of the battery as lines over their points.

const YEAR_S = 365.25 * 86_400;

/** @typedef {import("./trend_chart.js").Trend} Trend */

/**
 * The state of health; null without a trend, or without a day.
 * @param {any} answer soh_trend of GET battery @param {any} days GET series by days
 * @returns {Trend|null}
 */
export function trendOf(answer, days) {
  const seen = days.ts
    .map((ts, place) => [Date.parse(ts) / 1000, days.soh.mean[place]])
    .filter(([, soh]) => soh !== null);
  if (answer.status !== "ok" || !seen.length) return null;
  const x = seen.map(([begin]) => begin);
  const slopes = slopesOf(answer.per_year, 1);
  const middle = (x[Math.floor((x.length - 1) / 2)] + x[Math.ceil((x.length - 1) / 2)]) / 2;
  // `soh` is that of the line on the last day.
  const soh = answer.soh + slopes[0] * (middle - x.at(-1));
  return { x, y: seen.map(([, mean]) => mean), ...lines(x, middle, soh, slopes) };
}

/**
 * The capacity of each charge, Ah; null without charges.
 * @param {any} answer capacity_trend of GET battery
 * @returns {Trend|null}
 */
export function capacityOf(answer) {
  if (answer.status !== "ok" || !answer.charges.length) return null;
  const { slope, charges } = answer;
  const x = charges.map(({ ended_at }) => Date.parse(ended_at) / 1000);
  const y = charges.map(({ ah }) => ah);
  if (slope.status !== "ok") return { x, y };
  return { x, y, ...lines(x, ...middleOf(x, slope.first_ah, slope.last_ah), slopesOf(slope.per_year, 1)) };
}

/**
 * The resistance at 25 °C of each day, mΩ; without a trend the days of the window alone, null below two days.
 * @param {any} answer resistance_trend of GET battery @param {any} resistance of GET battery
 * @returns {Trend|null}
 */
export function resistanceOf(answer, resistance) {
  const isTrend = answer.status === "ok";
  const days = (isTrend ? answer.days : (resistance.days ?? [])).filter(({ mohm_at_25 }) => mohm_at_25 !== null);
  const x = days.map((each) => Date.parse(each.day) / 1000);
  const y = days.map(({ mohm_at_25 }) => mohm_at_25);
  if (!isTrend) return days.length > 1 ? { x, y } : null;
  const { first_mohm_at_25, last_mohm_at_25, per_year } = answer;
  const slopes = slopesOf(per_year, first_mohm_at_25 / 100);
  return { x, y, ...lines(x, ...middleOf(x, first_mohm_at_25, last_mohm_at_25), slopes) };
}

/** Value, low and high a year as slopes a second. */
function slopesOf({ value, low, high }, unit) {
  return [value, low, high].map((perYear) => (perYear * unit) / YEAR_S);
}

/** The middle of the time, and the value of a straight line there. @returns {[number, number]} */
function middleOf(x, first, last) {
  return [(x[0] + x.at(-1)) / 2, (first + last) / 2];
}

/** Three lines through one point: from there on, the interval opens to both sides. */
function lines(x, middle, value, slopes) {
  const [line, one, other] = slopes.map((slope) => x.map((at) => value + slope * (at - middle)));
  const bound = (choose) => x.map((_at, place) => choose(one[place], other[place]));
  return { line, low: bound(Math.min), high: bound(Math.max) };
}
