// A short explanation beside an element: on hover, on focus, on tap; Escape puts it away.

import { make, setText } from "./element.js";

const GAP = 6;
const tip = make("div", { id: "tip", class: "tip", role: "tooltip", hidden: true });
let owner = null;

/** Give `element`, which must take the focus, an explanation: `explanation` returns a text, or lines. */
export function explain(element, explanation) {
  const open = () => show(element, explanation());
  element.addEventListener("mouseenter", open);
  element.addEventListener("focus", open);
  element.addEventListener("click", open);
  element.addEventListener("mouseleave", () => document.activeElement !== element && hide(element));
  element.addEventListener("blur", () => hide(element));
}

/** Put the explanation away, if it is of something inside `root`. */
export function hideWithin(root) {
  if (owner && root.contains(owner)) hide(owner);
}

function show(element, text) {
  const lines = (Array.isArray(text) ? text : [text]).filter(Boolean);
  if (!lines.length) return;
  if (owner && owner !== element) hide(owner);
  owner = element;
  tip.replaceChildren(...lines.map((line) => make("div", {}, line)));
  (element.closest("dialog") ?? document.body).append(tip);
  tip.hidden = false;
  element.setAttribute("aria-describedby", "tip");
  const at = element.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const below = at.bottom + GAP + size.height < innerHeight;
  tip.style.left = `${Math.max(GAP, Math.min(at.left, innerWidth - size.width - GAP))}px`;
  tip.style.top = `${below ? at.bottom + GAP : Math.max(GAP, at.top - size.height - GAP)}px`;
}

function hide(element) {
  if (owner !== element) return;
  owner = null;
  tip.hidden = true;
  setText(tip, "");
  element.removeAttribute("aria-describedby");
}

document.addEventListener("keydown", (event) => event.key === "Escape" && owner && hide(owner));
document.addEventListener("scroll", () => owner && hide(owner), { capture: true, passive: true });
