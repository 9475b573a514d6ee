// The options of uPlot for one chart: axes, scales, lines with their bands.

import { colour } from "../core/theme.js";

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/**
 * The options of uPlot for one chart.
 * @param {import("./chart_specs.js").Spec} spec
 * @param {{x: () => [number, number], sync: string}} view
 * @returns {any}
 */
export function chartOptions(spec, view) {
  return {
    width: 300,
    height: 170,
    padding: [6, spec.scales.a ? 0 : 24, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: view.x },
      ...Object.fromEntries(
        Object.entries(spec.scales).map(([name, scale]) => [
          name,
          { range: (_chart, low, high) => room(low, high, scale) },
        ]),
      ),
    },
    axes: [
      axis({ scale: "x", space: 70 }),
      ...Object.entries(spec.scales).map(([scale, { side }], place) =>
        axis({ scale, side, size: 46, grid: place === 0 }),
      ),
    ],
    series: [{}, ...spec.lines.flatMap(threeOf)],
    bands: spec.lines.map((line, place) => ({
      series: [3 * place + 2, 3 * place + 1],
      fill: () => faint(colour(line.colour)),
    })),
    cursor: {
      sync: {
        key: view.sync,
        scales: ["x", null],
        filters: { pub: (kind) => kind === "mousemove" || kind === "mouseleave" },
      },
      drag: { x: true, y: false, setScale: false, dist: 5 },
      points: { size: 6 },
      bind: { dblclick: () => () => {} },
    },
  };
}

export function axis({ grid = true, ...rest }) {
  return {
    ...rest,
    font: FONT,
    stroke: () => colour("muted"),
    grid: { show: grid, stroke: () => colour("line"), width: 1 },
    ticks: { show: false },
    gap: 4,
    ...(rest.scale === "x" ? { size: 30, values } : {}),
  };
}

/** Lowest, highest, mean: the first two only bound the band. */
function threeOf(line) {
  const bound = { scale: line.scale, width: 0, points: { show: false }, stroke: "transparent" };
  const mean = {
    scale: line.scale,
    width: 1.5,
    stroke: () => colour(line.colour),
    points: { show: true, size: 4, filter: alone, fill: () => colour(line.colour), stroke: () => colour(line.colour) },
  };
  return [bound, bound, mean];
}

/** The places of values that no line reaches, since both neighbours are missing. */
function alone(chart, place) {
  const values = chart.data[place];
  return values.flatMap((value, at) =>
    value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null ? [at] : [],
  );
}

/**
 * The range of a scale: the values with some room, and never so little that noise looks like a mountain.
 * @param {number} low @param {number} high @param {{least: number, most?: [number, number], zero?: boolean}} scale
 */
function room(low, high, { least, zero, most }) {
  if (low === null || high === null) return most ?? [0, least];
  const [bottom, top] = zero ? [Math.min(0, low), Math.max(0, high)] : [low, high];
  const half = Math.max((top - bottom) * 0.56, least / 2);
  const middle = (bottom + top) / 2;
  const range = [middle - half, middle + half];
  if (!most) return range;
  const shift = Math.max(0, most[0] - range[0]) - Math.max(0, range[1] - most[1]);
  return [Math.max(most[0], range[0] + shift), Math.min(most[1], range[1] + shift)];
}

/** Times as short as their distance allows, in the reader's zone. */
function values(_chart, splits, _axis, _space, step) {
  /** @type {Intl.DateTimeFormatOptions} */
  const options =
    step >= 86400
      ? { day: "numeric", month: "short" }
      : step >= 60
        ? { hour: "2-digit", minute: "2-digit" }
        : { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const format = new Intl.DateTimeFormat(undefined, options);
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  return splits.map((split) => {
    const time = new Date(split * 1000);
    const isMidnight = step < 86400 && time.getHours() + time.getMinutes() + time.getSeconds() === 0;
    return isMidnight ? day.format(time) : format.format(time);
  });
}

export function faint(rgb) {
  return rgb.replace("rgb(", "rgba(").replace(")", ", 0.22)");
}
