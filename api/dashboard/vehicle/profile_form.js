// The profile of a vehicle, as a person enters it; rules and figures that lack a field say so elsewhere.

import { isAbort, put } from "../core/api.js";
import { make, setAttribute, setText } from "../core/element.js";

/**
 * @type {{name: string, label: string, type?: string, options?: string[][], isNumber?: boolean,
 *   isText?: boolean}[]}
 */
const FIELDS = [
  { name: "name", label: "Name", isText: true },
  { name: "group", label: "Group", isText: true },
  { name: "plate", label: "Licence plate", isText: true },
  { name: "series_cells", label: "Cells in series" },
  {
    name: "chemistry",
    label: "Chemistry",
    options: [
      ["", "not known"],
      ["NMC", "NMC"],
      ["LFP", "LFP"],
      ["NCA", "NCA"],
    ],
  },
  { name: "capacity_ah", label: "Nominal capacity, Ah" },
  { name: "energy_kwh", label: "Nominal energy, kWh" },
  { name: "max_discharge_a", label: "Maximum discharge current, A" },
  { name: "max_charge_a", label: "Maximum charging current, A" },
  { name: "first_use_date", label: "First used on", type: "date" },
  {
    name: "current_sign",
    label: "Sign of the current",
    options: [
      ["1", "positive = out of the pack"],
      ["-1", "positive = into the pack"],
    ],
    isNumber: true,
  },
];

/** A sentence of the API, the profile's fields in it called as in the form. */
export function withLabels(sentence) {
  // Names such as "group" are words of other sentences, too.
  return FIELDS.filter(({ isText }) => !isText).reduce(
    (text, { name, label }) => text.replaceAll(new RegExp(`\\b${name}\\b`, "g"), `“${label.split(",")[0]}”`),
    sentence,
  );
}

export class ProfileForm {
  /** @param {string} path of the call @param {() => void} changed called when a new profile is kept */
  constructor(path, changed) {
    this.path = path;
    this.changed = changed;
    this.closed = new AbortController();
    /** -1 where the source counts current into the pack as positive. */
    this.sign = 1;
    this.fields = FIELDS.map((field) => new Field(field));
    this.status = make("p", { class: "status", role: "status" });
    this.button = make("button", { class: "primary" }, "Save the profile");
    this.form = make(
      "form",
      { class: "profile", novalidate: true, on: { submit: (event) => this.save(event) } },
      ...this.fields.map(({ element }) => element),
      make("div", { class: "save" }, this.button, this.status),
    );
    this.element = make(
      "section",
      { class: "panel" },
      make("h2", {}, "Profile"),
      make("p", { class: "muted" }, "Facts that readings don't hold. Each field is optional."),
      this.form,
    );
  }

  /** Offer changes, or show the facts alone. */
  offer(mayChange) {
    this.button.hidden = !mayChange;
    for (const { control } of this.fields) control.disabled = !mayChange;
  }

  show(profile) {
    this.sign = profile.current_sign ?? 1;
    for (const field of this.fields) field.show(profile[field.name]);
  }

  async save(event) {
    event.preventDefault();
    this.button.disabled = true;
    setText(this.status, "");
    for (const field of this.fields) field.showProblem("");
    const given = this.fields.map((field) => [field.name, field.value]).filter(([, value]) => value !== null);
    try {
      this.show(await put(this.path, Object.fromEntries(given), { signal: this.closed.signal }));
      setText(this.status, "Saved.");
      this.changed();
    } catch (error) {
      if (!isAbort(error)) this.refuse(error);
    } finally {
      this.button.disabled = false;
    }
  }

  refuse(error) {
    const shown =
      error.errors?.filter(({ loc, msg }) => this.fields.find(({ name }) => loc.includes(name))?.showProblem(msg)) ??
      [];
    setText(this.status, shown.length ? "Not saved: see the fields." : `Not saved: ${error.message}`);
    this.fields.find(({ isWrong }) => isWrong)?.control.focus();
  }

  close() {
    this.closed.abort();
  }
}

class Field {
  /** @param {(typeof FIELDS)[number]} field */
  constructor({ name, label, options, type = "text", isText, isNumber = !options && !isText && type === "text" }) {
    this.name = name;
    this.isNumber = isNumber;
    const id = `profile-${name}`;
    this.control = options
      ? make("select", { id }, ...options.map(([value, text]) => make("option", { value }, text)))
      : make("input", { id, type, autocomplete: "off", inputmode: isNumber ? "decimal" : null });
    this.problem = make("p", { class: "problem", id: `${id}-problem` });
    this.element = make("div", { class: "field" }, make("label", { for: id }, label), this.control, this.problem);
  }

  /** The value to send; null for an empty field. Text that is no number is sent as it is: the API names its fault. */
  get value() {
    const text = this.control.value.trim();
    if (text === "") return null;
    const number = Number(text.replace(",", "."));
    return this.isNumber && Number.isFinite(number) ? number : text;
  }

  get isWrong() {
    return this.control.hasAttribute("aria-invalid");
  }

  show(value) {
    if (value !== undefined) this.control.value = value === null ? "" : String(value);
  }

  /** Show a problem, or none for an empty text; returns true, so that a filter can count it. */
  showProblem(problem) {
    setText(this.problem, problem);
    setAttribute(this.control, "aria-invalid", problem ? "true" : null);
    setAttribute(this.control, "aria-describedby", problem ? this.problem.id : null);
    return true;
  }
}
