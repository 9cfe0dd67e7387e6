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

/** One place of an answer: what the model says of the next token, and what settings make of it. */
export class Place {
  #penalized = { penalty: 1, logits: null, order: null };

  /** `logprobs` by id (softmax at temperature 1); `logNormalizer` + a log-probability is the logit; `seen` are the ids
   * of prompt and answer so far, which the repetition penalty counts. */
  constructor(logprobs, logNormalizer, seen) {
    this.logprobs = logprobs;
    this.size = logprobs.length;
    this.logits = logprobs.map((logprob) => logprob + logNormalizer);
    this.seen = new Set(seen);
    this.order = orderOf(this.logits);
  }

  /** The model's own probability. */
  probability(id) {
    return Math.exp(this.logprobs[id]);
  }

  /** 1 for the likeliest. */
  rank(id) {
    return this.order.indexOf(id) + 1;
  }

  /** What the dice are at these settings. */
  at(settings) {
    const { logits, order } = this.#withPenalty(settings.repetition_penalty);
    return new Dice(logits, order, settings);
  }

  #withPenalty(penalty) {
    if (penalty === 1) return { logits: this.logits, order: this.order };
    if (this.#penalized.penalty !== penalty) {
      const logits = this.logits.slice();
      for (const id of this.seen) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
      this.#penalized = { penalty, logits, order: orderOf(logits) };
    }
    return this.#penalized;
  }
}

/** A distribution at given settings: what each token's share is before and after the filters, and where a number falls. */
export class Dice {
  #weights; // exp of each tempered logit below the largest
  #isKept;
  #total = 0;
  #keptTotal = 0;
  #running = null;

  constructor(logits, order, settings) {
    this.order = order;
    this.size = logits.length;
    this.greedy = isGreedy(settings);
    const temperature = this.greedy ? 1 : settings.temperature;
    const most = logits[order[0]];
    this.#weights = new Float64Array(this.size);
    for (let id = 0; id < this.size; id++) {
      const weight = Math.exp((logits[id] - most) / temperature);
      this.#weights[id] = weight;
      this.#total += weight;
    }
    /** How many of the likeliest may be drawn: every filter leaves a beginning of the order. */
    this.kept = this.greedy ? 1 : this.#filter(settings, logits, temperature);
    this.#isKept = new Uint8Array(this.size);
    for (let at = 0; at < this.kept; at++) {
      this.#isKept[order[at]] = 1;
      this.#keptTotal += this.#weights[order[at]];
    }
  }

  #filter({ top_k, top_p, min_p }, logits, temperature) {
    const { order } = this;
    let kept = order.length;
    if (top_k > 0 && top_k < kept) {
      const least = logits[order[top_k - 1]];
      kept = top_k;
      while (kept < order.length && logits[order[kept]] >= least) kept++; // equals of the last stay, too
    }
    if (top_p < 1) kept = this.#reaching(top_p, kept);
    if (min_p > 0) {
      const least = logits[order[0]] / temperature + Math.log(min_p);
      while (kept > 1 && logits[order[kept - 1]] / temperature < least) kept--;
    }
    return kept;
  }

  /** How many it takes until their share of the first `kept` reaches `share`. */
  #reaching(share, kept) {
    let total = this.#total;
    if (kept < this.size) {
      total = 0;
      for (let at = 0; at < kept; at++) total += this.#weights[this.order[at]];
    }
    let before = this.#weights[this.order[0]];
    for (let at = 1; at < kept; at++) {
      if (before / total >= share) return at;
      before += this.#weights[this.order[at]];
    }
    return kept;
  }

  isKept(id) {
    return this.#isKept[id] === 1;
  }

  /** At this temperature, penalties included, nothing cut off. */
  tempered(id) {
    return this.#weights[id] / this.#total;
  }

  /** What is drawn from: 0 for what is cut off. */
  filtered(id) {
    return this.isKept(id) ? this.#weights[id] / this.#keptTotal : 0;
  }

  /** Where the shares of all ids begin, one behind the other in the order of ids; the last is 1. */
  get #cumulative() {
    if (this.#running) return this.#running;
    const running = new Float64Array(this.size + 1);
    for (let id = 0; id < this.size; id++) running[id + 1] = running[id] + this.filtered(id);
    this.#running = running;
    return running;
  }

  /** The part of [0, 1) that is the token's: from, to. */
  part(id) {
    const running = this.#cumulative;
    return [running[id], running[id + 1]];
  }

  /** The token on whose part a number in [0, 1) falls. */
  tokenAt(number) {
    const running = this.#cumulative;
    let [low, high] = [0, this.size - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (running[middle + 1] > number) high = middle;
      else low = middle + 1;
    }
    return this.isKept(low) ? low : this.#lastKept();
  }

  #lastKept() {
    return this.#isKept.lastIndexOf(1);
  }
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
