// The branches of an answer as a tree of lists: choose one to see it, remove one with all that hangs on it.

import { ROOT } from "./branches.js";
import { button, make } from "./elements.js";
import { _ } from "./messages.js";
import { nameOf, textOf } from "./token_text.js";

const FIRST_CHARACTERS = 48;
const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };

function beginning(tokens) {
  const characters = [...textOf(tokens).replace(/\s+/g, " ").trim()];
  const text = characters.slice(0, FIRST_CHARACTERS).join("");
  return characters.length > FIRST_CHARACTERS ? `${text}…` : text;
}

/** Where a branch begins, in words. */
function wordsOf(branch, parentTokens) {
  const values = { n: branch.place + 1 };
  if (branch.how === "rolled")
    return branch.place ? _("Rolled by hand from token {n} on", values) : _("Rolled by hand from the start");
  const instead = parentTokens[branch.place];
  values.token = nameOf(branch.tokens[branch.place]);
  if (!instead) return _("Token {n}: {token}", values);
  return _("Token {n}: {token} instead of {other}", { ...values, other: nameOf(instead) });
}

/** Tells `onShow(id)` and `onRemove(id)`. */
export class BranchList {
  constructor({ onShow, onRemove }) {
    Object.assign(this, { onShow, onRemove });
    this.list = make("ul", { className: "branch-tree" });
    this.element = make(
      "section",
      { className: "branches", hidden: true, "aria-label": _("Branches of this answer") },
      make("h3", {}, _("Branches")),
      this.list,
    );
    this.list.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** `tokensOf(id)` gives the tokens of a branch, or of the answer. */
  draw(branches, tokensOf) {
    const focused = document.activeElement?.closest?.("[data-branch]");
    const id = this.list.contains(focused) ? focused.dataset.branch : null;
    this.element.hidden = branches.all.length === 0;
    const root = make("li", {}, this.#button(branches, ROOT, _("The answer"), beginning(tokensOf(ROOT))));
    root.append(...this.#below(branches, ROOT, tokensOf));
    this.list.replaceChildren(root);
    if (id !== null) this.#focus(id);
  }

  #focus(id) {
    const item = this.list.querySelector(`[data-branch="${id}"]`) ?? this.list.querySelector("[aria-current]");
    (item ?? this.list.querySelector("[data-branch]"))?.focus({ preventScroll: true });
  }

  #below(branches, id, tokensOf) {
    const children = branches.childrenOf(id);
    if (!children.length) return [];
    const list = make("ul");
    for (const branch of children) {
      const words = wordsOf(branch, tokensOf(id));
      const behind = branch.tokens.slice(branch.how === "taken" ? branch.place + 1 : branch.place);
      const remove = button("×", () => this.onRemove(branch.id), "button quiet branch-remove", {
        "aria-label": _("Remove this branch: {words}", { words }),
      });
      const line = make(
        "div",
        { className: "branch-line" },
        this.#button(branches, branch.id, words, beginning(behind)),
        remove,
      );
      list.append(make("li", {}, line, ...this.#below(branches, branch.id, tokensOf)));
    }
    return [list];
  }

  #button(branches, id, words, text) {
    const shown = branches.shown === id;
    const made = button("", () => this.onShow(id), "branch", { "aria-current": shown ? "true" : undefined });
    made.dataset.branch = id;
    made.append(make("span", { className: "branch-words" }, words));
    if (text) made.append(" ", make("bdi", { className: "branch-text soft" }, text));
    return made;
  }

  #onKey(event) {
    if (!(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = [...this.list.querySelectorAll("[data-branch]")];
    const at = items.indexOf(event.target);
    if (at < 0) return;
    items[Math.min(items.length - 1, Math.max(0, at + STEPS[event.key]))].focus();
    event.preventDefault();
  }
}
