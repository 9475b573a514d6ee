// Light, dark, or as the system says.

import { setText } from "./element.js";

const NAME = "battery-theme";
const ORDER = ["auto", "light", "dark"];
const SHAPES = { auto: "◐", light: "○", dark: "●" };
const colours = new Map();

/** Wire the button that goes through the themes. */
export function startTheme(button) {
  const show = (theme) => {
    document.documentElement.dataset.theme = theme;
    setText(button, `${SHAPES[theme]} ${theme}`);
    button.setAttribute("aria-label", `Theme: ${theme}`);
    changed();
  };
  show(localStorage.getItem(NAME) ?? "auto");
  button.addEventListener("click", () => {
    const next = ORDER[(ORDER.indexOf(document.documentElement.dataset.theme) + 1) % ORDER.length];
    localStorage.setItem(NAME, next);
    show(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

function changed() {
  colours.clear();
  document.dispatchEvent(new Event("theme"));
}

/** The present value of a colour of the stylesheet, for a canvas. */
export function colour(name) {
  if (!colours.has(name)) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}
