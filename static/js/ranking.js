// The ranking of one card as pure state: who stands where, what the last step was. Knows no page.
// Ranks begin at 1 (best); equal ranks are a tie. After a tie the count goes on as in sport: 1, 2, 2, 4.

import { _ } from "./messages.js";

export class Ranking {
  /**
   * @param {string[]} ids in shown order  @param {Map<string, number>} ranks those already given
   * @param {string | null} implied the one among them that was placed last because all others were
   * @param {boolean} given whether the ranks are an order that was made before: as a whole it is one to begin anew from
   */
  constructor(ids, ranks = new Map(), { implied = null, given = false } = {}) {
    this.ids = ids;
    this.ranks = new Map(ranks);
    this.implied = this.complete && this.ranks.has(implied) ? implied : null;
    this.given = given && this.complete;
    this.tieNext = false;
    this.past = [];
  }

  get complete() {
    return this.ids.every((id) => this.ranks.has(id));
  }

  get started() {
    return this.ranks.size > 0;
  }

  /** Answers from best to worst, each place a list (more than one: a tie). */
  places() {
    const numbers = [...new Set(this.ranks.values())].sort((a, b) => a - b);
    return numbers.map((number) => this.ids.filter((id) => this.ranks.get(id) === number));
  }

  isTied(id) {
    const rank = this.ranks.get(id);
    return rank !== undefined && this.ids.some((other) => other !== id && this.ranks.get(other) === rank);
  }

  /** Places the next answer, or beside the last one; behind a given order it is the first of a new one. False when it
   * already has its place. */
  pick(id, { tie = false } = {}) {
    const anew = this.given;
    if (!anew && this.ranks.has(id) && id !== this.implied) return false;
    this.#remember();
    if (anew) this.ranks = new Map();
    if (this.implied !== null) this.ranks.delete(this.implied);
    const places = this.places();
    if ((tie || this.tieNext) && places.length > 0) places.at(-1).push(id);
    else places.push([id]);
    this.tieNext = false;
    this.implied = null;
    const left = this.ids.filter((other) => !places.flat().includes(other));
    if (left.length === 1 && this.ids.length > 1) {
      this.implied = left[0];
      places.push(left);
    }
    this.#setPlaces(places);
    return true;
  }

  /** An own answer came or went: who is gone leaves its place; where one came, nobody stands last by themselves. */
  setAnswers(ids) {
    if (ids.some((id) => !this.ids.includes(id))) this.ranks.delete(this.implied);
    const places = this.places().map((place) => place.filter((id) => ids.includes(id)));
    this.ids = ids;
    this.#setPlaces(places.filter((place) => place.length > 0));
    if (!this.ranks.has(this.implied)) this.implied = null;
    this.given = this.tieNext = false;
    this.past = [];
  }

  /** Takes back an answer and all that stand behind it; those beside it stay. False where it has no place. */
  takeBack(id) {
    if (!this.ranks.has(id)) return false;
    this.#remember();
    const kept = this.places().filter((place) => this.ranks.get(place[0]) <= this.ranks.get(id));
    this.#setPlaces(kept.map((place) => place.filter((other) => other !== id)).filter((place) => place.length > 0));
    this.implied = null;
    this.tieNext = false;
    return true;
  }

  /** The rank that the next pick would share by a tie; null where it could not. */
  get tieRank() {
    const chosen = [...this.ranks].filter(([id]) => id !== this.implied).map(([, rank]) => rank);
    const free = this.implied !== null || !this.complete;
    return free && chosen.length > 0 ? Math.max(...chosen) : null;
  }

  /** "=": the next pick shares the place of the last one. */
  joinNext() {
    if (!this.started || (this.complete && this.implied === null)) return false;
    this.tieNext = !this.tieNext;
    return true;
  }

  setRank(id, rank) {
    this.#remember();
    if (id === this.implied) this.implied = null;
    this.ranks.set(id, rank);
  }

  /** A dragged order: first is best. */
  setOrder(ids) {
    this.#remember();
    this.implied = null;
    this.#setPlaces(ids.map((id) => [id]));
  }

  back() {
    if (this.tieNext) {
      this.tieNext = false;
      return true;
    }
    const last = this.past.pop();
    if (last === undefined) return this.#takeWorst();
    this.ranks = last.ranks;
    this.implied = last.implied;
    this.given = last.given;
    return true;
  }

  clear() {
    if (!this.started) return false;
    this.#remember();
    this.ranks = new Map();
    this.implied = null;
    this.tieNext = false;
    return true;
  }

  /** What was there from the start (a draft, a ranking that was undone) has no steps: its places count as such. */
  #takeWorst() {
    if (!this.started) return false;
    this.#setPlaces(this.places().slice(0, -1));
    this.implied = null;
    this.given = false;
    return true;
  }

  #remember() {
    this.past.push({ ranks: new Map(this.ranks), implied: this.implied, given: this.given });
    this.given = false;
  }

  #setPlaces(places) {
    this.ranks = new Map();
    let rank = 1;
    for (const place of places) {
      for (const id of place) this.ranks.set(id, rank);
      rank += place.length;
    }
  }
}

/** "2nd", as it stands on the buttons. */
export function ordinal(rank) {
  return [_("1st"), _("2nd"), _("3rd"), _("4th"), _("5th")][rank - 1];
}

export function rankText(ranking, id) {
  const rank = ranking.ranks.get(id);
  if (rank === undefined) return _("not ranked");
  return ranking.isTied(id) ? _("tied {rank}", { rank: ordinal(rank) }) : ordinal(rank);
}

/** "A › C = D › B" */
export function notation(ranking, letterOf) {
  return ranking
    .places()
    .map((place) => place.map(letterOf).join(" = "))
    .join(" › ");
}

/** "A, then C tied with D, then B": the same for who listens. */
export function spoken(ranking, letterOf) {
  const tied = (one, other) => _("{one} tied with {other}", { one, other });
  const then = (better, worse) => _("{better}, then {worse}", { better, worse });
  const places = ranking.places().map((place) => place.map(letterOf).reduce(tied));
  return places.length ? places.reduce(then) : "";
}
