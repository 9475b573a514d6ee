// All elements are made here, from text: the browser reads no text of a vehicle as HTML.

/**
 * Make an element: `make("a", {href: "#/", on: {click}}, "text", child)`. Attributes that are null or false
 * are left out; so are children that are null.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [kind, listener] of Object.entries(value)) element.addEventListener(kind, listener);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Write a text unless it stands there: what does not change is not painted, read out, or deselected. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute unless it has this value; null removes it. */
export function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/** A button that does something. */
export function button(text, click, attributes = {}) {
  return make("button", { type: "button", ...attributes, on: { click } }, text);
}

/**
 * Put `wanted` in place of what `parent` holds, moving as little as can be and keeping the focus.
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const focused = document.activeElement;
  wanted.forEach((child, place) => {
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
  });
  while (parent.children.length > wanted.length) parent.lastElementChild.remove();
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

/** A term and what it is, for a list of facts. */
export function fact(term, content) {
  return [make("dt", {}, term), make("dd", {}, content)];
}
