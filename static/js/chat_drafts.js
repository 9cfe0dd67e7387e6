// What stands in the box of a conversation and is not sent yet, kept over a reload and a look at another page, in this tab.

const PREFIX = "fourfold-draft-";

export class Drafts {
  constructor(name, box) {
    this.name = PREFIX + name;
    this.box = box;
    box.addEventListener("input", () => this.keep());
  }

  keep() {
    try {
      if (this.box.value) sessionStorage.setItem(this.name, this.box.value);
      else sessionStorage.removeItem(this.name);
    } catch {
      // a browser that keeps nothing: it stands in the box until the page is left
    }
  }

  clear() {
    try {
      sessionStorage.removeItem(this.name);
    } catch {
      // nothing was kept
    }
  }

  /** Fills an empty box. What began a conversation has arrived once it stands among its messages. */
  restore(messages) {
    try {
      const first = sessionStorage.getItem(`${PREFIX}new`);
      if (first !== null && messages.includes(first.trim())) sessionStorage.removeItem(`${PREFIX}new`);
      if (!this.box.value) this.box.value = sessionStorage.getItem(this.name) ?? "";
    } catch {
      // nothing was kept
    }
  }
}
