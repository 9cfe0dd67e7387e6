// How numbers are written: as app/formats/figures.py does, with the same words for the same numbers (tests/web/figures.json).

const NOTHING = "–";
const SMALLEST_PLAIN = 1e-4;

const signed = (text) => (/^-[0.,%]*$/.test(text) ? text.slice(1) : text).replaceAll("-", "−");
const grouped = (value, decimals) => {
  const [whole, rest] = value.toFixed(decimals).split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? spaced : `${spaced}.${rest}`;
};
const withoutNoughts = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** To so many significant digits, however small; no digit before the point is rounded away. */
export function significant(value, digits = 3) {
  if (value == null || !Number.isFinite(value)) return NOTHING;
  if (value === 0) return "0";
  if (Math.abs(value) < SMALLEST_PLAIN) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return signed(`${withoutNoughts(mantissa)}e${Number(exponent)}`);
  }
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
  return signed(withoutNoughts(grouped(value, Math.min(decimals, 100))));
}
