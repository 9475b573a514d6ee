// State of charge and power of a vehicle: for each a function that makes its element, and one that shows a value.

import { make, setAttribute, setText } from "./element.js";
import { power, quantity } from "./format.js";

/** A bar that is as long as its per cent; the number beside it is what is read out. */
export function socBar() {
  const fill = make("span", { class: "fill" });
  return make("span", { class: "soc" }, make("span", { class: "bar", "aria-hidden": "true" }, fill), make("span"));
}

export function showSoc(element, soc) {
  setText(element.lastChild, quantity(soc, "%"));
  element.querySelector(".fill").style.width = `${soc ?? 0}%`;
}

/** Power as an arrow and words. */
export function powerFlow() {
  return make("span", { class: "flow" }, make("span", { "aria-hidden": "true" }), make("span"));
}

export function showPower(element, kw, charging) {
  const flow = power(kw, charging);
  setAttribute(element, "data-way", flow.way);
  setText(element.firstChild, flow.arrow);
  setText(element.lastChild, flow.text);
}
