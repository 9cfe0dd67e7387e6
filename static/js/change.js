// One's own ranking opened for change: the card with its keys, taps and dragging. Its form is sent like any other.

import { Card } from "./card.js";
import { forgetDraft } from "./drafts.js";
import { installKeys } from "./keys.js";

const card = new Card(document.querySelector("#card"));
document.querySelector("[data-open-help]").hidden = false;
card.form.addEventListener("submit", () => forgetDraft(card.group));
document.querySelector("[data-leave]").addEventListener("click", () => forgetDraft(card.group));
installKeys(() => card);
