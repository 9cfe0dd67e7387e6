// Messages of the scripts in the page's language: written in English where they stand, found in the catalogue that the page carries.

const element = globalThis.document?.querySelector("#messages");
const catalogue = element ? JSON.parse(element.textContent) : {};

const STOP = /[.!?:…。！？：]["')”’）】」]*$/;

const filled = (text, values) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** `_("No answer from {name}.", { name })` */
export function _(message, values = {}) {
  return filled(catalogue[message] ?? message, values);
}

/** Texts one behind the other, each with a full stop, as the page's language writes them; empty ones are left out. */
export function sentences(...said) {
  const ended = said.filter(Boolean).map((each) => (STOP.test(each) ? each : _("{sentence}.", { sentence: each })));
  return ended.length ? ended.reduce((before, sentence) => _("{before} {sentence}", { before, sentence })) : "";
}

/** The form that fits the count, which `{n}` stands for: `ngettext("{n} answer", "{n} answers", 4)`. */
export function ngettext(singular, plural, count, values = {}) {
  return _(count === 1 ? singular : plural, { n: count, ...values });
}
