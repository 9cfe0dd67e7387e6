// Which language a text is in, for its `lang`: fonts and screen readers go by it; knows no page.

const HAN = /\p{Script=Han}/gu;
const LATIN = /\p{Script=Latin}+/gu;

const count = (text, pattern) => text.match(pattern)?.length ?? 0;

/** "zh" or "en" where most of its words are (each Han character counts as one), "" where it cannot be told. */
export function languageOf(text) {
  const [han, latin] = [count(text, HAN), count(text, LATIN)];
  if (han === latin) return "";
  return han > latin ? "zh" : "en";
}
