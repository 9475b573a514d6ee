// The trend of the state of health as lines over its days.

const YEAR_S = 365.25 * 86_400;

/**
 * The three lines go through one point, in the middle of the days: from there on, the interval opens to both
 * sides. null without a trend, or without a day.
 * @param {any} answer soh_trend of GET battery @param {any} days GET series by days
 * @returns {{x: number[], soh: number[], line: number[], low: number[], high: number[]}|null} x in seconds
 */
export function trendOf(answer, days) {
  const seen = days.ts
    .map((ts, place) => [Date.parse(ts) / 1000, days.soh.mean[place]])
    .filter(([, soh]) => soh !== null);
  if (answer.status !== "ok" || !seen.length) return null;
  const x = seen.map(([begin]) => begin);
  const slopes = [answer.per_year.value, answer.per_year.low, answer.per_year.high].map((perYear) => perYear / YEAR_S);
  const middle = (x[Math.floor((x.length - 1) / 2)] + x[Math.ceil((x.length - 1) / 2)]) / 2;
  // `soh` is that of the line on the last day.
  const soh = answer.soh + slopes[0] * (middle - x.at(-1));
  const [line, one, other] = slopes.map((slope) => x.map((at) => soh + slope * (at - middle)));
  const bound = (choose) => x.map((_at, place) => choose(one[place], other[place]));
  return { x, soh: seen.map(([, mean]) => mean), line, low: bound(Math.min), high: bound(Math.max) };
}
