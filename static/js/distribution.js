// The distribution that a token is drawn from, in the three stages of app/lm/inference/sampler.py, out of log-probabilities; knows no page.

const MIN_TEMPERATURE = 0.001; // below it the likeliest token is taken (app/hparams.py)

/** What does nothing to a distribution. */
export const NEUTRAL = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, repetition_penalty: 1 };

/** Whether nothing is rolled at these settings. */
export const isGreedy = (settings) => settings.temperature < MIN_TEMPERATURE;

/** base64 of little-endian float32, as the API sends them. */
export function floatsOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return new Float32Array(bytes.buffer);
}

/** Token ids by their logits, the largest first, equals by id: two rounds of radix sort, for vocabularies of 150,000. */
export function orderOf(logits) {
  const size = logits.length;
  const bits = new Uint32Array(Float32Array.from(logits).buffer);
  const keys = new Uint32Array(size);
  for (let id = 0; id < size; id++) keys[id] = bits[id] & 0x80000000 ? bits[id] : ~bits[id] & 0x7fffffff;
  let from = new Uint32Array(size);
  let to = new Uint32Array(size);
  for (let id = 0; id < size; id++) from[id] = id;
  const starts = new Uint32Array(65537);
  for (const shift of [0, 16]) {
    starts.fill(0);
    for (let id = 0; id < size; id++) starts[((keys[id] >>> shift) & 0xffff) + 1]++;
    for (let key = 0; key < 65536; key++) starts[key + 1] += starts[key];
    for (let at = 0; at < size; at++) to[starts[(keys[from[at]] >>> shift) & 0xffff]++] = from[at];
    [from, to] = [to, from];
  }
  return from;
}

/** An order of ids, and the place of each id in it. */
function ranked(logits, order) {
  const ranks = new Uint32Array(order.length);
  for (let at = 0; at < order.length; at++) ranks[order[at]] = at;
  return { logits, order, ranks };
}

/** One place of an answer: what the model says of the next token, and what settings make of it. */
export class Place {
  #ranked;
  #penalized = { penalty: 1, ranked: null };

  /** `logprobs` by id (softmax at temperature 1); `logNormalizer` + a log-probability is the logit; `seen` are the ids
   * of prompt and answer so far, which the repetition penalty counts. */
  constructor(logprobs, logNormalizer, seen) {
    this.logprobs = logprobs;
    this.size = logprobs.length;
    this.logits = logprobs.map((logprob) => logprob + logNormalizer);
    this.seen = new Set(seen);
    this.order = orderOf(this.logits);
    this.#ranked = ranked(this.logits, this.order);
  }

  /** The model's own probability. */
  probability(id) {
    return Math.exp(this.logprobs[id]);
  }

  /** 1 for the likeliest. */
  rank(id) {
    return this.#ranked.ranks[id] + 1;
  }

  /** What the dice are at these settings. */
  at(settings) {
    return new Dice(this.#withPenalty(settings.repetition_penalty), settings);
  }

  #withPenalty(penalty) {
    if (penalty === 1) return this.#ranked;
    if (this.#penalized.penalty !== penalty) {
      const logits = this.logits.slice();
      for (const id of this.seen) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
      this.#penalized = { penalty, ranked: ranked(logits, this.#merged(logits)) };
    }
    return this.#penalized.ranked;
  }

  /** The order of logits that differ from this place's in those of `seen` alone: these are put in where they belong. */
  #merged(logits) {
    const before = (a, b) => logits[b] - logits[a] || a - b;
    const moved = [...this.seen].filter((id) => id < this.size).sort(before);
    const isMoved = new Uint8Array(this.size);
    for (const id of moved) isMoved[id] = 1;
    const merged = new Uint32Array(this.size);
    let [at, next] = [0, 0];
    for (let place = 0; place < this.size; place++) {
      const id = this.order[place];
      if (isMoved[id]) continue;
      while (next < moved.length && before(moved[next], id) < 0) merged[at++] = moved[next++];
      merged[at++] = id;
    }
    merged.set(moved.slice(next), at);
    return merged;
  }
}

const NOTHING = 60; // e^-60 of the largest: all of a vocabulary of them are lost in the rounding of a sum of 64 bits

/** A distribution at given settings: what each token's share is before and after the filters, and where a number falls. */
export class Dice {
  #ranks;
  #weights; // exp of each tempered logit below the largest
  #total = 0;
  #keptTotal = 0;
  #running = null;

  constructor({ order, ranks, logits }, settings) {
    this.order = order;
    this.size = logits.length;
    this.greedy = isGreedy(settings);
    this.#ranks = ranks;
    const temperature = this.greedy ? 1 : settings.temperature;
    const most = logits[order[0]];
    this.#weights = new Float64Array(this.size);
    for (let id = 0; id < this.size; id++) {
      const below = (logits[id] - most) / temperature;
      if (below > -NOTHING) this.#total += this.#weights[id] = Math.exp(below);
    }
    /** How many of the likeliest may be drawn: every filter leaves a beginning of the order. */
    this.kept = this.greedy ? 1 : this.#filter(settings, logits, temperature);
    this.#keptTotal = this.kept === this.size ? this.#total : this.#sum(this.kept);
  }

  #filter({ top_k, top_p, min_p }, logits, temperature) {
    const { order } = this;
    let kept = this.size;
    if (top_k > 0 && top_k < kept) {
      const least = logits[order[top_k - 1]];
      kept = top_k;
      while (kept < this.size && logits[order[kept]] >= least) kept++; // equals of the last stay, too
    }
    if (top_p < 1) kept = this.#reaching(top_p, kept);
    if (min_p > 0) {
      const least = logits[order[0]] / temperature + Math.log(min_p);
      while (kept > 1 && logits[order[kept - 1]] / temperature < least) kept--;
    }
    return kept;
  }

  /** The weight of the first `count` together. */
  #sum(count) {
    let sum = 0;
    for (let at = 0; at < count; at++) sum += this.#weights[this.order[at]];
    return sum;
  }

  /** How many it takes until their share of the first `kept` reaches `share`. */
  #reaching(share, kept) {
    const total = kept < this.size ? this.#sum(kept) : this.#total;
    let before = this.#weights[this.order[0]];
    for (let at = 1; at < kept; at++) {
      if (before / total >= share) return at;
      before += this.#weights[this.order[at]];
    }
    return kept;
  }

  isKept(id) {
    return this.#ranks[id] < this.kept;
  }

  /** At this temperature, penalties included, nothing cut off. */
  tempered(id) {
    return this.#weights[id] / this.#total;
  }

  /** What is drawn from: 0 for what is cut off. */
  filtered(id) {
    return this.isKept(id) ? this.#weights[id] / this.#keptTotal : 0;
  }

  /** The kept ids in their order, and where their shares begin, one behind the other; the last is 1. */
  get #line() {
    if (this.#running) return this.#running;
    const ids = this.#keptIds();
    const running = new Float64Array(this.kept + 1);
    for (let at = 0; at < this.kept; at++) running[at + 1] = running[at] + this.#weights[ids[at]] / this.#keptTotal;
    this.#running = { ids, running };
    return this.#running;
  }

  #keptIds() {
    if (this.kept < this.size / 32) return this.order.slice(0, this.kept).sort();
    const ids = new Uint32Array(this.kept);
    for (let id = 0, at = 0; id < this.size; id++) if (this.#ranks[id] < this.kept) ids[at++] = id;
    return ids;
  }

  /** The part of [0, 1) that is the token's: from, to. */
  part(id) {
    const { ids, running } = this.#line;
    const at = firstWhere(this.kept, (place) => ids[place] >= id);
    return [running[at], ids[at] === id ? running[at + 1] : running[at]];
  }

  /** The token on whose part a number in [0, 1) falls. */
  tokenAt(number) {
    const { ids, running } = this.#line;
    return ids[
      Math.min(
        this.kept - 1,
        firstWhere(this.kept, (place) => running[place + 1] > number),
      )
    ];
  }
}

/** The first place of `count` for which it holds, where it does for all behind one for which it does; else `count`. */
function firstWhere(count, holds) {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How many bits the model was surprised by a token of this log-probability (natural). */
export const surprise = (logprob) => -logprob / Math.LN2;

const AROUND = 9; // a close-up is so many times as wide as the part that it shows

/** From where to where a close-up goes: the part in the middle as far as there is room, nothing outside of 0 to 1. */
export function closeUp([from, to]) {
  const width = Math.min(1, Math.max(1e-12, to - from) * AROUND);
  const begin = Math.min(1 - width, Math.max(0, (from + to - width) / 2));
  return [begin, begin + width];
}

/** A number held within a token's part: the sampler adds up in 32 bits, and may differ in the seventh digit. */
export const within = (number, [from, to]) => Math.min(Math.max(number, from), Math.max(from, to - (to - from) * 1e-6));
