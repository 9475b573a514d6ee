// The name of the person at this browser, as acknowledgements and notes carry it.

const NAME = "battery-user-name";

export function userName() {
  return localStorage.getItem(NAME) ?? "";
}

export function keepUserName(name) {
  localStorage.setItem(NAME, name);
}
