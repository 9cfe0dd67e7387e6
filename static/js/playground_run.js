// One writing of the playground: a column for each version, a pane for each answer, filled while the answers come.

import { lookAt, showTokens } from "./answer_tokens.js";
import { make } from "./elements.js";
import { generate } from "./generating.js";
import { _, ngettext } from "./messages.js";
import { bodyOf } from "./playground_address.js";

export class Run {
  #abort = new AbortController();
  #stopped = false;
  #begin;
  finished = false;
  /** Resolves once something of an answer is on the page, or nothing more comes: until then the server has nothing else to do. */
  begun = new Promise((resolve) => {
    this.#begin = resolve;
  });

  /** `titles`: of the versions, by id; `bases`: the ids of base models. */
  constructor(asked, titles, bases) {
    this.asked = asked;
    this.columns = asked.versions.map((version) => new Column(asked, version, titles.get(version), bases.has(version)));
    const elements = this.columns.map((column) => column.element);
    this.element = make("div", { className: "columns", "data-columns": elements.length }, ...elements);
  }

  /** Resolves when nothing more comes: {complete, stopped, problems}. */
  async write() {
    const done = await Promise.all(this.columns.map((column) => column.write(this.#abort.signal, this.#begin)));
    this.#begin();
    this.finished = !this.#stopped && done.every((problem) => problem === null);
    const complete = this.columns.reduce((sum, column) => sum + column.complete, 0);
    return { complete, stopped: this.#stopped, problems: done.filter((problem) => problem !== null) };
  }

  /** Opens the dice of a token, all three counted from 1; nothing where there is none. */
  look({ column, answer, token }) {
    this.columns[column - 1]?.panes[answer - 1]?.look(token - 1);
  }

  /** {column, answer} of the pane that an element is in, or null. */
  placeOf(element) {
    for (const [column, { panes }] of this.columns.entries()) {
      const answer = panes.findIndex((pane) => pane.element.contains(element));
      if (answer >= 0) return { column: column + 1, answer: answer + 1 };
    }
    return null;
  }

  stop() {
    this.#stopped = true;
    this.#abort.abort();
  }
}

class Column {
  complete = 0;

  constructor(asked, version, title, isBase) {
    this.version = version;
    this.body = bodyOf(asked, version);
    this.panes = Array.from({ length: asked.n }, (_unused, index) => new Pane(this.body, index, version));
    const note = isBase && asked.mode !== "text" ? _("A base model: it continues the text.") : "";
    this.element = make(
      "section",
      { className: "column" },
      make("h3", {}, title),
      make("p", { className: "small soft column-note" }, note),
      make("ol", { className: "panes" }, ...this.panes.map((pane) => pane.element)),
    );
  }

  /** The problem that ended it, or null. Calls `onShown` whenever something of it was shown. */
  async write(signal, onShown) {
    this.element.setAttribute("aria-busy", "true");
    try {
      for await (const event of generate(this.body, signal)) {
        this.#take(event);
        onShown();
      }
      return null;
    } catch (error) {
      for (const pane of this.panes) pane.breakOff();
      if (signal.aborted) return null;
      if (!error.problem) throw error;
      return error.problem;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
  }

  #take(event) {
    if (event.type === "piece") this.panes[event.index].add(event);
    else if (event.type === "answer") {
      this.panes[event.index].finish(event);
      this.complete += 1;
    }
  }
}

class Pane {
  constructor(body, index, version) {
    this.answer = { body, index, version, tokens: [], finished: null };
    this.text = make("div", { className: "pane-text writing", dir: "auto" });
    this.state = make("p", { className: "small soft pane-state" }, _("Being written"));
    this.element = make("li", { className: "pane panel" }, this.text, this.state);
  }

  add({ tokens }) {
    this.answer.tokens.push(...(tokens ?? []));
    showTokens(this.text, this.answer);
  }

  finish({ finish_reason, token_ids }) {
    this.answer.finished = finish_reason;
    showTokens(this.text, this.answer);
    this.text.classList.remove("writing");
    const count = token_ids.length;
    this.state.textContent =
      finish_reason === "length"
        ? ngettext("{n} token, cut at its length", "{n} tokens, cut at its length", count)
        : ngettext("{n} token", "{n} tokens", count);
  }

  look(index) {
    lookAt(this.text, index);
  }

  breakOff() {
    if (this.answer.finished) return;
    this.answer.finished = "stopped";
    this.text.classList.remove("writing");
    this.state.textContent = this.answer.tokens.length ? _("Broken off here") : _("Nothing was written");
  }
}
