// The ranking of one card as pure state: who stands where, what the last step was. Knows no page.
// Ranks are 1 (best) to 4; equal ranks are a tie. After a tie the count goes on as in sport: 1, 2, 2, 4.

export class Ranking {
  /** @param {string[]} ids in shown order  @param {Map<string, number>} ranks those already given */
  constructor(ids, ranks = new Map()) {
    this.ids = ids;
    this.ranks = new Map(ranks);
    this.implied = null; // the fourth answer, placed last because the other three are
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

  /** Places the next answer, or beside the last one. False when it already has its place. */
  pick(id, { tie = false } = {}) {
    if (this.ranks.has(id) && id !== this.implied) return false;
    this.#remember();
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
    if (last === undefined) return false;
    this.ranks = last.ranks;
    this.implied = last.implied;
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

  #remember() {
    this.past.push({ ranks: new Map(this.ranks), implied: this.implied });
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

const ORDINALS = ["", "1st", "2nd", "3rd", "4th"];

export function rankText(ranking, id) {
  const rank = ranking.ranks.get(id);
  if (rank === undefined) return "not ranked";
  return (ranking.isTied(id) ? "tied " : "") + ORDINALS[rank];
}

/** "A › C = D › B" */
export function notation(ranking, letterOf) {
  return ranking
    .places()
    .map((place) => place.map(letterOf).join(" = "))
    .join(" › ");
}
