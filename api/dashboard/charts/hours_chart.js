// Hours by classes of a value, as bars.

import uPlot from "uplot";
import { axis, faint } from "./chart_options.js";
import { FigureChart } from "./figure_chart.js";
import { quantity } from "../core/format.js";
import { colour } from "../core/theme.js";

/** @param {string} title @param {string} name of a colour @param {string} unit of the classes */
export function hoursChart(title, name, unit) {
  return new FigureChart(title, () => options(name, unit));
}

/**
 * The classes with hours, and those between them; the outermost ones are as wide as their neighbours.
 * @param {{status: string, edges: number[], amounts: number[]}} hours @param {string} unit
 * @returns {import("./figure_chart.js").Drawn|null}
 */
export function hoursDrawn(hours, unit) {
  const total = hours.status === "ok" ? hours.amounts.reduce((one, other) => one + other, 0) : 0;
  if (!total) return null;
  const { edges, amounts } = hours;
  const used = amounts.flatMap((amount, place) => (amount > 0 ? [place] : []));
  const [first, last] = [Math.max(0, used[0] - 1), Math.min(amounts.length - 1, used.at(-1) + 1)];
  const width = edges[2] - edges[1];
  const begin = (place) => (place === 0 ? edges[1] - width : edges[place]);
  const places = amounts.map((_amount, place) => place).slice(first, last + 1);
  const most = places.reduce((one, other) => (amounts[other] > amounts[one] ? other : one));
  const range = `${quantity(begin(most), "", 0)} to ${quantity(begin(most) + width, unit, 0)}`;
  return {
    data: [places.map((place) => begin(place) + width / 2), places.map((place) => amounts[place])],
    legend: `hours, ${quantity(total, "h", 0)} in all`,
    text: `${quantity(total, "h", 0)} in all, most of them, ${quantity(amounts[most], "h", 0)}, at ${range}.`,
  };
}

function options(name, unit) {
  return {
    padding: [6, 24, 0, 0],
    scales: { x: { time: false, range: whole }, y: { range: (_chart, _low, high) => [0, 1.1 * high] } },
    axes: [
      {
        ...axis({ scale: "x" }),
        values: (_chart, splits) => splits.map((at) => `${at} ${unit}`),
      },
      axis({ scale: "y", size: 46 }),
    ],
    series: [
      {},
      {
        stroke: () => colour(name),
        fill: () => faint(colour(name)),
        width: 1,
        points: { show: false },
        paths: uPlot.paths.bars?.({ size: [0.8, 60] }),
      },
    ],
  };
}

/** From half a class before the first bar to half a class behind the last one. */
function whole({ data }) {
  const x = data[0];
  const half = x.length > 1 ? (x[1] - x[0]) / 2 : 5;
  return [x[0] - half, x.at(-1) + half];
}
