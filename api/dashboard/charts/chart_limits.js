// Limits on a chart: a dashed line with its value, for each limit that an episode of the window has passed.

import { quantity } from "../core/format.js";
import { colour } from "../core/theme.js";

/**
 * The limits of these episodes, each value once.
 * @param {any[]} episodes as the API gives them
 * @param {Record<string, string>} scales the scale of each code that has a limit in the chart's own unit
 */
export function limitsOf(episodes, scales) {
  const found = new Map();
  for (const { code, severity, threshold, unit } of episodes) {
    if (code in scales && threshold !== null)
      found.set(`${scales[code]} ${threshold}`, { scale: scales[code], value: threshold, unit, severity });
  }
  return [...found.values()];
}

/** @param {any} chart uPlot @param {{scale: string, value: number, unit: string, severity: string}[]} limits */
export function drawLimits(chart, limits) {
  const { ctx, bbox } = chart;
  const pixels = devicePixelRatio;
  ctx.save();
  ctx.font = `${10.5 * pixels}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  ctx.lineWidth = pixels;
  ctx.setLineDash([6 * pixels, 4 * pixels]);
  for (const { scale, value, unit, severity } of limits) {
    const top = chart.valToPos(value, scale, true);
    // One beyond the values that are shown is not drawn: it would press them together.
    if (!(top >= bbox.top && top <= bbox.top + bbox.height)) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(severity);
    ctx.beginPath();
    ctx.moveTo(bbox.left, top);
    ctx.lineTo(bbox.left + bbox.width, top);
    ctx.stroke();
    ctx.fillText(`limit ${quantity(value, unit)}`, bbox.left + bbox.width - 4 * pixels, top - pixels);
  }
  ctx.restore();
}
