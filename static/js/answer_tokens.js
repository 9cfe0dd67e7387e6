// An answer laid open: its tokens, the dice each was rolled with, and the branches that begin where another was taken.

import { BranchList } from "./branch_list.js";
import { keep, kept, ROOT } from "./branches.js";
import { follow, restBody, rollBody } from "./branching.js";
import { DiceActions } from "./dice_actions.js";
import { DicePanel } from "./dice_panel.js";
import { troubleNotice } from "./dice_trouble.js";
import { make } from "./elements.js";
import { generate } from "./generating.js";
import { _ } from "./messages.js";
import { announce } from "./say.js";
import { showControls } from "./token_controls.js";
import { TokenList } from "./token_list.js";
import { nameOf } from "./token_text.js";

const views = new WeakMap();
let inSheet = null; // the view whose dice lie in the page's own place
const idsOf = (tokens) => tokens.map((token) => token.token_id);

class AnswerView {
  #panel = null;
  #index = -1;
  #writing = null;

  constructor(element, answer) {
    this.element = element;
    this.answer = answer;
    this.branches = kept(answer);
    this.list = new TokenList((index) => this.#look(index));
    this.actions = new DiceActions({
      onHand: () => this.#begin(),
      onRoll: () => this.#rollOne(),
      onRollOn: () => this.#writeRest(),
      onStop: () => this.#writing?.abort(),
    });
    this.trouble = make("div", { className: "dice-trouble" });
    this.place = make("div");
    this.tree = new BranchList({ onShow: (id) => this.#show(id), onRemove: (id) => this.#remove(id) });
    showControls(element);
    element.replaceChildren(this.list.element, this.actions.element, this.trouble, this.place, this.tree.element);
    if (this.branches.shown !== ROOT) this.#drawTokens();
    this.#drawTree();
  }

  get branch() {
    return this.branches.get(this.branches.shown);
  }

  get tokens() {
    return this.#tokensOf(this.branches.shown);
  }

  #tokensOf = (id) => this.branches.get(id)?.tokens ?? this.answer.tokens;

  /** The answer has more tokens, or has ended. */
  update() {
    if (!this.branch) {
      this.list.append(this.answer.tokens);
      if (this.answer.finished) this.list.end();
      this.#panel?.grew(this.answer.tokens);
    }
    this.#drawActions();
    if (this.answer.finished) this.#drawTree();
  }

  get #finished() {
    return this.branch ? this.branch.finished : Boolean(this.answer.finished);
  }

  #drawTokens() {
    this.list.reset(this.tokens);
    if (this.#finished) this.list.end();
  }

  #drawTree() {
    this.tree.draw(this.branches, this.#tokensOf);
  }

  #drawActions() {
    const finished = this.#finished;
    this.actions.draw({
      writing: this.#writing !== null,
      isBranch: this.branch !== undefined,
      finished,
      index: this.#index,
    });
  }

  #changed() {
    keep(this.answer, this.branches);
    this.#drawTree();
    this.#drawActions();
  }

  // Looking

  #look(index) {
    this.#openPanel(index);
    this.#panel.focus();
    if (this.#panel.element.contains(document.activeElement)) this.list.keepInSight(index, this.#panel.element);
  }

  #openPanel(index, { animate = false, onLanded } = {}) {
    this.#panel ??= new DicePanel(this.answer, {
      onTake: (at, token) => this.#take(at, token),
      onMove: (at) => this.#openPanel(at),
      onClose: () => this.#close(true),
    });
    this.#putPanel();
    this.#index = index;
    this.#tellPage();
    this.list.mark(index);
    this.#drawActions();
    const taken = this.branches.takenPlaces(this.branches.shown).has(index);
    return this.#panel.open(this.tokens, index, { taken, animate, onLanded });
  }

  /** Where the page has a place for the dice of all its answers (`data-dice-place`), none of them moves; else below. */
  #putPanel() {
    const sheet = document.querySelector("[data-dice-place]");
    if (sheet && inSheet !== this) inSheet?.close();
    if (sheet) inSheet = this;
    const place = sheet ?? this.place;
    if (this.#panel.element.parentElement !== place) place.replaceChildren(this.#panel.element);
  }

  /** The page keeps in its address which token is looked at; -1 for none. */
  #tellPage() {
    this.element.dispatchEvent(new CustomEvent("dice", { bubbles: true, detail: { index: this.#index } }));
  }

  /** As the address says; the focus stays where it is, and the token comes into sight. */
  restore(index) {
    if (!this.tokens.length) return;
    const at = Math.min(index, this.tokens.length - 1);
    this.#openPanel(at);
    this.list.bringIntoSight(at);
    this.list.keepInSight(at, this.#panel.element);
  }

  close() {
    this.#close(false);
  }

  #close(focus) {
    if (inSheet === this) inSheet = null;
    const wasOpen = this.#index >= 0;
    const index = Math.min(this.#index, this.tokens.length - 1);
    this.#panel?.close();
    this.#panel = null;
    this.#index = -1;
    this.list.mark(-1);
    this.#drawActions();
    if (wasOpen) this.#tellPage();
    if (focus) this.list.focus(Math.max(0, index));
  }

  #show(id, index = -1) {
    this.#writing?.abort();
    this.#writing = null;
    this.branches.shown = id;
    this.trouble.replaceChildren();
    this.#drawTokens();
    if (index < 0) this.#close(false);
    this.#changed();
  }

  #remove(id) {
    const shown = this.branches.shown;
    this.branches.remove(id);
    if (this.branches.shown !== shown) this.#show(this.branches.shown);
    else this.#changed();
    announce(_("The branch is removed."));
  }

  // Branching and rolling

  #take(place, token) {
    const parent = this.branches.shown;
    const there = this.branches.same(parent, place, token.token_id);
    if (there) {
      this.#show(there.id, place);
      return this.#look(place);
    }
    const branch = this.branches.add({ parent, place, how: "taken", tokens: [...this.tokens.slice(0, place), token] });
    this.#show(branch.id, place);
    announce(_("The answer goes on with {token}.", { token: nameOf(token) }));
    this.#look(place);
    return this.#writeRest();
  }

  /** By hand, from the place that is looked at or from the start. */
  #begin() {
    const place = Math.max(0, this.#index);
    const branch = this.branches.add({
      parent: this.branches.shown,
      place,
      how: "rolled",
      tokens: this.tokens.slice(0, place),
    });
    this.#show(branch.id, place);
    this.#openPanel(place);
    this.actions.focusRoll();
  }

  async #writeRest() {
    const branch = await this.#goOn(restBody, () => this.list.append(this.tokens));
    if (branch !== null && branch === this.branch) this.#land(branch);
    this.#changed();
  }

  /** One token, shown once the dice lie still. */
  async #rollOne() {
    const branch = await this.#goOn(rollBody, () => {});
    if (branch === null || branch !== this.branch) return this.#changed();
    keep(this.answer, this.branches);
    await this.#openPanel(branch.tokens.length - 1, { animate: true, onLanded: () => this.#land(branch) });
    this.#changed();
  }

  #land(branch) {
    if (branch !== this.branch) return;
    this.#drawTokens();
    this.list.mark(this.#index);
    this.#drawActions();
    this.#panel?.grew(branch.tokens);
    if (branch.finished) announce(_("The answer is complete."));
  }

  /** Asks for more of the shown branch. Gives it back once all that was asked for is there, else null. */
  async #goOn(bodyOf, onTokens) {
    const branch = this.branch;
    if (!branch || branch.finished || this.#writing) return null;
    const writing = new AbortController();
    this.#writing = writing;
    this.trouble.replaceChildren();
    this.#drawActions();
    const ids = idsOf(branch.tokens);
    try {
      const end = await follow(generate(bodyOf(this.answer, ids), writing.signal), ids.length, (fresh) => {
        branch.tokens.push(...fresh);
        if (this.branch === branch) onTokens();
      });
      this.#ended(branch, end, bodyOf === rollBody);
      return branch;
    } catch (error) {
      const again = () => (bodyOf === rollBody ? this.#rollOne() : this.#writeRest());
      if (!writing.signal.aborted) this.trouble.replaceChildren(troubleNotice(error, again));
      return null;
    } finally {
      if (this.#writing === writing) this.#writing = null;
    }
  }

  /** What the whole answer says counts: a stop string may have cut the tokens before it. */
  #ended(branch, end, oneByHand) {
    if (end.logprobs?.length >= branch.tokens.length) branch.tokens = [...end.logprobs];
    const most = this.answer.body.max_tokens ?? Infinity;
    branch.finished = !oneByHand || end.finish_reason === "stop" || branch.tokens.length >= most;
  }

  destroy() {
    this.#writing?.abort();
    this.#panel?.close();
  }
}

/**
 * Shows in `element` the tokens of an answer: {body (the request's JSON, with its seed), index, version, tokens:
 * [{token_id, text, bytes, logprob, uniform, top}], finished}. Called again with the same answer as tokens come, it
 * appends what is new; with another one, it begins anew.
 */
export function showTokens(element, answer) {
  let view = views.get(element);
  if (view?.answer !== answer) {
    view?.destroy();
    view = new AnswerView(element, answer);
    views.set(element, view);
  }
  view.update();
}

/** Opens the dice of a token of an answer that is shown in `element`, as an address says. */
export const lookAt = (element, index) => views.get(element)?.restore(index);

/** Closes the dice that lie in the page's own place. */
export const closeDice = () => inSheet?.close();
