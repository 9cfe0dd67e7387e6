// Messages of the scripts in the page's language: written in English where they stand, found in the catalogue that the page carries.

const element = globalThis.document?.querySelector("#messages");
const catalogue = element ? JSON.parse(element.textContent) : {};

const filled = (text, values) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** `_("No answer from {name}.", { name })` */
export function _(message, values = {}) {
  return filled(catalogue[message] ?? message, values);
}

/** The form that fits the count, which `{n}` stands for: `ngettext("{n} answer", "{n} answers", 4)`. */
export function ngettext(singular, plural, count, values = {}) {
  return _(count === 1 ? singular : plural, { n: count, ...values });
}
