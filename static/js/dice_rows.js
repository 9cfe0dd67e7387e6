// The likeliest tokens of a place as bars in three stages, and the rest as one; a bar can be chosen to take its token.

import { rowWords, shareWords } from "./dice_words.js";
import { button, make, write } from "./elements.js";
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

/** A row whose words and widths are changed in place: what a slider moves is drawn within a frame. */
class Row {
  #stages = [1, 2, 3].map((stage) => {
    const bar = make("span", { className: "bar" });
    const number = make("span", { className: "number" }, "");
    return { bar, number, element: make("span", { className: `stage stage-${stage}` }, bar, number) };
  });
  #told = make("span", { className: "visually-hidden" });

  constructor(head, onTake) {
    const cells = make(
      "span",
      { className: "row-cells", "aria-hidden": "true" },
      head,
      ...this.#stages.map(({ element }) => element),
    );
    const line = make(
      onTake ? "button" : "div",
      { className: "dice-row", type: onTake ? "button" : undefined },
      this.#told,
      cells,
    );
    if (onTake) line.addEventListener("click", onTake);
    this.element = make("li", {}, line);
  }

  draw(shares, most, isCut, told) {
    for (const [stage, { bar, number, element }] of this.#stages.entries()) {
      const cut = stage === 2 && isCut;
      const width = `${((100 * shares[stage]) / most).toFixed(2)}%`;
      if (bar.style.getPropertyValue("--width") !== width) bar.style.setProperty("--width", width);
      write(number, shareWords(shares[stage], cut));
      element.classList.toggle("cut", cut);
    }
    write(this.#told, told);
  }
}

class TokenRow extends Row {
  #tag;

  /** `onTake`: none for the token that stands in the answer. */
  constructor(token, onTake) {
    const name = nameOf(token);
    const label = make("bdi", { className: "row-name" }, token.text ? shown(token.text) : name);
    const tag = make("span", { className: "row-tag", hidden: true });
    super(make("span", { className: "row-head" }, label, tag), onTake && (() => onTake(token)));
    this.#tag = tag;
    this.name = name;
    this.current = !onTake;
    this.element.dataset.id = token.token_id;
    this.element.classList.toggle("current", this.current);
  }

  update(shares, most, isCut, { landing, taken }) {
    const words = rowWords({ name: this.name, shares, isCut });
    const told = this.current
      ? _("{row}. It stands in the answer.", { row: words })
      : _("{row}. Take it instead.", { row: words });
    this.draw(shares, most, isCut, told);
    const tag = this.current ? (taken ? _("taken") : _("rolled")) : landing ? _("the roll falls here") : "";
    write(this.#tag, tag);
    this.#tag.hidden = tag === "";
    this.element.classList.toggle("landing", landing);
  }
}

class RestRow extends Row {
  constructor(count) {
    const name = ngettext("{n} other token", "{n} other tokens", count, { n: count.toLocaleString("en") });
    super(make("span", { className: "row-head soft" }, name));
    this.name = name;
    this.element.className = "rest";
  }

  update({ rest, restIsCut }, most) {
    this.draw(rest, most, restIsCut, rowWords({ name: this.name, shares: rest, isCut: restIsCut }));
  }
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

/** The rows of a place, drawn into its list anew for each setting; rows that are there stay the same elements. */
export class DiceRows {
  #place = null;
  #rows = new Map(); // by name: that of a token says whether it stands in the answer

  constructor(list) {
    this.list = list;
  }

  /** `token` stands in the answer, on `landing` the roll falls. */
  draw({ place, dice, tokens, token, taken, landing, onTake, onUnfold, unfolded }) {
    if (this.#place !== place) this.#rows.clear();
    this.#place = place;
    const shares = sharesOf(place, dice, tokens);
    const most = Math.max(...shares.rows.flat(), ...shares.rest);
    const folded = foldedRows(tokens, shares.rows, [token?.token_id, landing?.token_id]);
    const elements = [];
    for (const [at, each] of tokens.entries()) {
      if (folded[at] && !unfolded) continue;
      const current = each.token_id === token?.token_id;
      const row = this.#row(`${each.token_id} ${current}`, () => new TokenRow(each, current ? null : onTake));
      row.update(shares.rows[at], most, !dice.isKept(each.token_id), {
        landing: each.token_id === landing?.token_id && !current,
        taken,
      });
      elements.push(row.element);
    }
    const count = unfolded ? 0 : folded.filter(Boolean).length;
    if (count) elements.push(this.#row(`unfold ${count}`, () => ({ element: unfold(count, onUnfold) })).element);
    const others = place.size - tokens.length;
    if (others > 0) {
      const row = this.#row(`rest ${others}`, () => new RestRow(others));
      row.update(shares, most);
      elements.push(row.element);
    }
    this.#show(elements);
  }

  #row(name, build) {
    if (!this.#rows.has(name)) this.#rows.set(name, build());
    return this.#rows.get(name);
  }

  #show(elements) {
    const { children } = this.list;
    if (children.length === elements.length && elements.every((each, at) => each === children[at])) return;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.closest("li").dataset.id : null;
    this.list.replaceChildren(...elements);
    if (focused) this.list.querySelector(`li[data-id="${focused}"] > button`)?.focus({ preventScroll: true });
  }
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
