// The branches of an answer as a tree: where another token was taken, or the dice were rolled by hand; knows no page.

const LEAST = ["token_id", "text", "bytes", "logprob", "uniform"];
const lean = (token) =>
  Object.fromEntries(LEAST.filter((name) => token[name] != null).map((name) => [name, token[name]]));

/** The answer itself: the root of the tree. */
export const ROOT = 0;

const isToken = (token) =>
  Number.isInteger(token?.token_id) &&
  typeof token.text === "string" &&
  Array.isArray(token.bytes) &&
  typeof token.logprob === "number";

const isBranch = (each) =>
  Number.isInteger(each?.id) &&
  Number.isInteger(each.parent) &&
  Number.isInteger(each.place) &&
  (each.how === "taken" || each.how === "rolled") &&
  Array.isArray(each.tokens) &&
  each.tokens.every(isToken);

/**
 * A branch is {id, parent, place, how, tokens, finished}: up to `place` it is its parent's, there another token was
 * "taken", or from there it was "rolled" by hand; `tokens` are all of it, those shared with the parent too.
 */
export class Branches {
  all = [];
  shown = ROOT;
  #next = 1;

  add({ parent, place, how, tokens }) {
    const branch = { id: this.#next++, parent, place, how, tokens: [...tokens], finished: false };
    this.all.push(branch);
    this.shown = branch.id;
    return branch;
  }

  /** undefined for the root. */
  get(id) {
    return this.all.find((branch) => branch.id === id);
  }

  childrenOf(id) {
    return this.all.filter((branch) => branch.parent === id);
  }

  /** The places of a branch at which a person took the token, on the way from the root. */
  takenPlaces(id) {
    const places = new Set();
    let shared = Infinity; // up to here it is the same as the branch it came from
    for (let branch = this.get(id); branch; branch = this.get(branch.parent)) {
      if (branch.how === "taken" && branch.place < shared) places.add(branch.place);
      shared = Math.min(shared, branch.place);
    }
    return places;
  }

  /** A branch that takes this token here of this parent, if there is one already: it is shown, not made again. */
  same(parent, place, tokenId) {
    return this.childrenOf(parent).find(
      (branch) => branch.how === "taken" && branch.place === place && branch.tokens[place]?.token_id === tokenId,
    );
  }

  /** With all that branches off from it. Where one of these is shown, its parent is instead. */
  remove(id) {
    const gone = this.get(id);
    if (!gone) return;
    const ids = new Set([id]);
    for (const branch of this.all) if (ids.has(branch.parent)) ids.add(branch.id);
    this.all = this.all.filter((branch) => !ids.has(branch.id));
    if (ids.has(this.shown)) this.shown = gone.parent;
  }

  toJSON() {
    return {
      shown: this.shown,
      all: this.all.map((branch) => ({ ...branch, tokens: branch.tokens.map(lean) })),
    };
  }

  /** Out of what `toJSON` gave; what is no branch, or hangs on none, is left out. */
  static from(stored) {
    const branches = new Branches();
    for (const each of Array.isArray(stored?.all) ? stored.all : []) {
      const hangs = each?.parent === ROOT || branches.get(each?.parent);
      if (!isBranch(each) || !hangs || branches.get(each.id)) continue;
      const { id, parent, place, how, tokens } = each;
      branches.all.push({ id, parent, place, how, tokens, finished: each.finished === true });
      branches.#next = Math.max(branches.#next, id + 1);
    }
    if (branches.get(stored?.shown)) branches.shown = stored.shown;
    return branches;
  }
}

/** What stands the same for one answer whenever it is asked for: the name that its branches are kept by. */
export function nameOfAnswer({ body, index, version }) {
  const { stream, logprobs, n, ...asked } = body;
  const sorted = Object.keys(asked)
    .sort()
    .map((name) => [name, asked[name]]);
  return `fourfold-branches:${JSON.stringify([sorted, index, version])}`;
}

/** Kept over a reload, for this tab; where nothing is kept or no room is left, the page has them until it is closed. */
export function keep(answer, branches) {
  try {
    if (branches.all.length) sessionStorage.setItem(nameOfAnswer(answer), JSON.stringify(branches));
    else sessionStorage.removeItem(nameOfAnswer(answer));
    return true;
  } catch {
    return false;
  }
}

export function kept(answer) {
  try {
    return Branches.from(JSON.parse(sessionStorage.getItem(nameOfAnswer(answer)) ?? "null"));
  } catch {
    return new Branches();
  }
}
