// Drives and charges behind a chart: a tint, and a bar that names them without colour: a drive below the chart,
// a charge above, a discharge or standby at both edges.
// One that is only inferred has a pale bar and no tint: it happened somewhere in there.

import { colour } from "../core/theme.js";

const STYLES = {
  drive: { name: "drive", bar: "bottom", word: "drive" },
  charge: { name: "charge", bar: "top", word: "charge" },
  discharge: { name: "drive", bar: "both", word: "discharge" },
  standby: { name: "muted", bar: "both", word: "standby" },
  unobserved: { name: "muted", bar: "both", word: "gap" },
};
const BAR = 3;
const WORD_NEEDS = 48;
const INFERRED_NEEDS = 96;

/** @param {any} chart uPlot @param {{kind: string, inferred: boolean, from: number, to: number}[]} sessions seconds */
export function drawSessions(chart, sessions) {
  const { ctx, bbox } = chart;
  const pixels = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { kind, inferred, from, to } of sessions) {
    const style = STYLES[kind] ?? STYLES.unobserved;
    const left = Math.max(bbox.left, chart.valToPos(from, "x", true));
    const width = Math.max(pixels, Math.min(bbox.left + bbox.width, chart.valToPos(to, "x", true)) - left);
    ctx.fillStyle = colour(style.name);
    ctx.globalAlpha = inferred ? 0 : 0.1;
    ctx.fillRect(left, bbox.top, width, bbox.height);
    ctx.globalAlpha = inferred ? 0.35 : 0.8;
    if (style.bar !== "bottom") ctx.fillRect(left, bbox.top, width, BAR * pixels);
    if (style.bar !== "top") ctx.fillRect(left, bbox.top + bbox.height - BAR * pixels, width, BAR * pixels);
    if (width > (inferred ? INFERRED_NEEDS : WORD_NEEDS) * pixels) {
      ctx.globalAlpha = 1;
      ctx.font = `${10.5 * pixels}px system-ui, sans-serif`;
      ctx.textBaseline = "bottom";
      // The axes leave theirs.
      ctx.textAlign = "left";
      ctx.fillText(
        inferred ? `${style.word}, inferred` : style.word,
        left + 4 * pixels,
        bbox.top + bbox.height - 5 * pixels,
      );
    }
  }
  ctx.restore();
}
