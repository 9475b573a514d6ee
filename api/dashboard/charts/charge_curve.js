// The power of charging over the state of charge, one line for each type of charge.

import { axis, faint } from "./chart_options.js";
import { FigureChart } from "./figure_chart.js";
import { counted, quantity } from "../core/format.js";
import { colour } from "../core/theme.js";
import { CHARGE_TYPES } from "../core/charge_types.js";

const COLOURS = { socket: "second", ac: "accent", dc: "hot" };

export function chargeCurve() {
  return new FigureChart("Charge curve", options);
}

/**
 * @param {any} charging of GET battery
 * @returns {import("./figure_chart.js").Drawn & {types: string[]}|null}
 */
export function curveDrawn(charging) {
  if (charging.status !== "ok" || !charging.types.length) return null;
  const { types } = charging;
  const x = [...new Set(types.flatMap(({ curve }) => curve.map(({ soc }) => soc)))].sort((one, other) => one - other);
  if (x.length < 2) return null;
  const columns = types.flatMap(({ curve }) =>
    ["low_kw", "high_kw", "kw"].map((name) => x.map((soc) => curve.find((point) => point.soc === soc)?.[name] ?? null)),
  );
  return {
    types: types.map(({ type }) => type),
    data: [x, ...columns],
    legend: [...types.map(counts), "pale: 10th to 90th percentile"].join(" · "),
    text: types.map(describe).join(" "),
  };
}

const counts = ({ type, charges }) => `${CHARGE_TYPES[type]}: ${counted(charges, "charge")}`;

function options({ types }) {
  const bound = { width: 0, points: { show: false }, stroke: "transparent" };
  return {
    padding: [6, 24, 0, 0],
    scales: { x: { time: false, range: [0, 100] }, y: { range: (_chart, _low, high) => [0, Math.max(1, 1.1 * high)] } },
    axes: [
      {
        ...axis({ scale: "x" }),
        values: (_chart, splits) => splits.map((at) => `${at} %`),
      },
      axis({ scale: "y", size: 46 }),
    ],
    series: [
      {},
      ...types.flatMap((type) => [
        bound,
        bound,
        { width: 1.5, stroke: () => colour(COLOURS[type]), points: { show: true, size: 4 } },
      ]),
    ],
    bands: types.map((type, place) => ({
      series: [3 * place + 2, 3 * place + 1],
      fill: () => faint(colour(COLOURS[type])),
    })),
  };
}

function describe({ type, curve, taper_soc }) {
  const most = curve.reduce((one, other) => (other.kw > one.kw ? other : one));
  const taper = taper_soc === null ? "" : `, below 80 % of it from ${quantity(taper_soc, "%", 0)} on`;
  return `${CHARGE_TYPES[type]}: at most ${quantity(most.kw, "kW")} at ${quantity(most.soc, "%", 0)}${taper}.`;
}
