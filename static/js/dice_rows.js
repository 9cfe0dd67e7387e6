// The likeliest tokens of a place as bars in three stages, and the rest as one; a bar can be chosen to take its token.

import { rowWords, shareWords } from "./dice_words.js";
import { button, make } from "./elements.js";
import { _, ngettext } from "./messages.js";
import { nameOf, shown } from "./token_text.js";

const TOP = 20;
const LEAST = 1e-12; // of all others together: what sums of rounded numbers leave may be less than nothing
const WORTH_A_ROW = 0.001;
const ALWAYS = 5; // rows, however unlikely

/** The tokens that have a row: the likeliest, and these where they are not among them; by rank. */
export function tokensOfRows(place, known, more) {
  const ids = [...place.order.subarray(0, TOP)];
  for (const token of more) if (token && !ids.includes(token.token_id)) ids.push(token.token_id);
  return ids.map((id) => known(id)).sort((a, b) => place.rank(a.token_id) - place.rank(b.token_id));
}

/** The shares in three stages of each token, and of all others together. */
export function sharesOf(place, dice, tokens) {
  const rows = tokens.map(({ token_id: id }) => [place.probability(id), dice.tempered(id), dice.filtered(id)]);
  const rest = [0, 1, 2].map((stage) => Math.max(LEAST, 1 - rows.reduce((sum, shares) => sum + shares[stage], 0)));
  const keptThere = dice.kept - tokens.filter(({ token_id: id }) => dice.isKept(id)).length;
  if (keptThere === 0) rest[2] = 0;
  return { rows, rest, restIsCut: keptThere === 0 };
}

function cells(shares, isCut) {
  return shares.map((share, stage) => {
    const cut = stage === 2 && isCut;
    const bar = make("span", { className: "bar" });
    bar.style.setProperty("--share", share);
    return make(
      "span",
      { className: `stage stage-${stage + 1}${cut ? " cut" : ""}` },
      bar,
      make("span", { className: "number" }, shareWords(share, cut)),
    );
  });
}

function row(token, shares, isCut, { current, landing, taken, onTake }) {
  const name = nameOf(token);
  const words = rowWords({ name, shares, isCut });
  const label = make("bdi", { className: "row-name" }, token.text ? shown(token.text) : name);
  const tag = current ? (taken ? _("taken") : _("rolled")) : landing ? _("the roll falls here") : null;
  const head = make("span", { className: "row-head" }, label, tag && make("span", { className: "row-tag" }, tag));
  const content = [head, ...cells(shares, isCut)];
  const item = make("li", { className: [current && "current", landing && "landing"].filter(Boolean).join(" ") });
  item.dataset.id = token.token_id;
  const told = current
    ? _("{row}. It stands in the answer.", { row: words })
    : _("{row}. Take it instead.", { row: words });
  const line = make(
    current ? "div" : "button",
    { className: "dice-row", type: current ? undefined : "button" },
    make("span", { className: "visually-hidden" }, told),
    make("span", { className: "row-cells", "aria-hidden": "true" }, ...content),
  );
  if (!current) line.addEventListener("click", () => onTake(token));
  item.append(line);
  return item;
}

function restRow(place, tokens, { rest, restIsCut }) {
  const count = place.size - tokens.length;
  if (count <= 0) return null;
  const name = ngettext("{n} other token", "{n} other tokens", count, { n: count.toLocaleString("en") });
  const said = make("span", { className: "visually-hidden" }, rowWords({ name, shares: rest, isCut: restIsCut }));
  const head = make("span", { className: "row-head soft" }, name);
  const content = make("span", { className: "row-cells", "aria-hidden": "true" }, head, ...cells(rest, restIsCut));
  return make("li", { className: "rest" }, make("div", { className: "dice-row" }, said, content));
}

/** Which rows are folded away: those of tokens that are hardly there in any stage, where there are more than two. */
function foldedRows(tokens, rows, spared) {
  const tiny = tokens.map(
    (each, at) => at >= ALWAYS && !spared.includes(each.token_id) && Math.max(...rows[at]) < WORTH_A_ROW,
  );
  return tiny.filter(Boolean).length > 2 ? tiny : tiny.map(() => false);
}

function unfold(count, onUnfold) {
  const text = ngettext("{n} more, below 0.1%", "{n} more, each below 0.1%", count);
  return make("li", {}, button(text, onUnfold, "dice-row unfold"));
}

/**
 * Draws into the list: `{place, dice, tokens, token, taken, landing, onTake, onUnfold, unfolded}`; `token` stands in the
 * answer, on `landing` the roll falls.
 */
export function drawRows(list, { place, dice, tokens, token, taken, landing, onTake, onUnfold, unfolded }) {
  const shares = sharesOf(place, dice, tokens);
  list.style.setProperty("--most", Math.max(...shares.rows.flat(), ...shares.rest));
  const folded = foldedRows(tokens, shares.rows, [token?.token_id, landing?.token_id]);
  const rows = tokens.map((each, at) =>
    folded[at] && !unfolded
      ? null
      : row(each, shares.rows[at], !dice.isKept(each.token_id), {
          current: each.token_id === token?.token_id,
          landing: each.token_id === landing?.token_id && each.token_id !== token?.token_id,
          taken,
          onTake,
        }),
  );
  const count = unfolded ? 0 : folded.filter(Boolean).length;
  const all = [...rows, count ? unfold(count, onUnfold) : null, restRow(place, tokens, shares)].filter(Boolean);
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li").dataset.id : null;
  list.replaceChildren(...all);
  if (focused) list.querySelector(`li[data-id="${focused}"] > button`)?.focus({ preventScroll: true });
}

/** The same figures as a table. */
export function diceTable({ place, dice, tokens }) {
  const heads = [
    _("Rank"),
    _("Token"),
    _("Number"),
    _("Model"),
    _("At this temperature"),
    _("In the roll"),
    _("Part of the line"),
  ];
  const table = make("table", { className: "dice-table" });
  const head = table.createTHead().insertRow();
  for (const text of heads) head.append(make("th", { scope: "col" }, text));
  const body = table.createTBody();
  const { rows, rest, restIsCut } = sharesOf(place, dice, tokens);
  const figure = (share) => (share * 100).toPrecision(4);
  for (const [at, token] of tokens.entries()) {
    const id = token.token_id;
    const isCut = !dice.isKept(id);
    const [from, to] = dice.part(id);
    const line = body.insertRow();
    line.append(make("td", { className: "number" }, String(place.rank(id))));
    line.append(make("th", { scope: "row" }, make("bdi", {}, shown(token.text) || nameOf(token))));
    line.append(make("td", { className: "number" }, String(id)));
    for (const [stage, share] of rows[at].entries())
      line.append(make("td", { className: "number" }, stage === 2 && isCut ? _("cut off") : `${figure(share)}%`));
    line.append(make("td", { className: "number" }, isCut ? "–" : `${from.toFixed(6)} – ${to.toFixed(6)}`));
  }
  const last = body.insertRow();
  last.append(make("td"), make("th", { scope: "row" }, _("all others")), make("td"));
  for (const [stage, share] of rest.entries())
    last.append(make("td", { className: "number" }, stage === 2 && restIsCut ? _("cut off") : `${figure(share)}%`));
  last.append(make("td"));
  return table;
}
