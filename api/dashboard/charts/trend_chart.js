// Health over time: points, the trend line through them, and the interval of the trend.

import { axis, faint } from "./chart_options.js";
import { FigureChart } from "./figure_chart.js";
import { day, utc } from "../core/clock.js";
import { quantity } from "../core/format.js";
import { colour } from "../core/theme.js";

/**
 * @typedef {{x: number[], y: number[], line?: number[], low?: number[], high?: number[]}} Trend
 * x in seconds; without a line the points alone.
 */

/** @param {string} title */
export function trendChart(title) {
  return new FigureChart(title, options);
}

/**
 * @param {Trend|null} trend @param {string} unit @param {string} points the legend of the points
 * @param {string} change the change in words
 * @returns {import("./figure_chart.js").Drawn|null}
 */
export function trendDrawn(trend, unit, points, change) {
  if (!trend) return null;
  const { x, y, line, low, high } = trend;
  const none = x.map(() => null);
  return {
    data: [x, low ?? none, high ?? none, line ?? none, y],
    legend: `dots: ${points}${line ? " · line: the trend · pale: its 95 % interval" : ""}`,
    text: describe(trend, unit, change),
  };
}

function options() {
  // Not on whole pixels: so flat a line would become a staircase.
  const even = { pxAlign: 0 };
  const bound = { ...even, width: 0, points: { show: false }, stroke: "transparent" };
  const accent = () => colour("accent");
  return {
    padding: [6, 24, 0, 0],
    axes: [axis({ scale: "x", space: 70 }), axis({ scale: "y", size: 46 })],
    series: [
      {},
      bound,
      bound,
      { ...even, width: 1.5, stroke: accent, points: { show: false } },
      { stroke: accent, paths: () => null, points: { show: true, size: 4, width: 0, fill: () => colour("second") } },
    ],
    bands: [{ series: [2, 1], fill: () => faint(accent()) }],
  };
}

/** @param {Trend} trend @param {string} unit @param {string} change */
function describe({ x, y, line }, unit, change) {
  const [first, last] = [x[0], x.at(-1)].map((begin) => day(utc(begin * 1000).slice(0, 10)));
  const range = (values) => `from ${quantity(values[0], unit)} to ${quantity(values.at(-1), unit)}`;
  const points = `${first} to ${last}: ${range(y)}.`;
  return line ? `${points} The trend goes ${range(line)}: ${change}.` : points;
}
