// The words of the dice, each in a sentence, behind one disclosure.

import { make } from "./elements.js";
import { _ } from "./messages.js";

const words = () => [
  [_("Token"), _("A piece of text that the model writes at once: a word, a part of one, a sign.")],
  [_("The model"), _("How likely the model finds each of its tokens here, all together 100%.")],
  [
    _("Temperature"),
    _(
      "The same after the temperature: it makes the differences larger or smaller. The repetition penalty is in it, too.",
    ),
  ],
  [_("In the roll"), _("What is left once top-k, top-p and min-p have cut off the unlikely, again 100% together.")],
  [
    _("The dice"),
    _(
      "A number between 0 and 1, drawn by the seed. The tokens share the line from 0 to 1, each as wide as its share; where the number falls, that token comes.",
    ),
  ],
  [_("Surprise"), _("In bits: 1 bit is heads or tails, 3 bits are one in eight. The rarer, the more bits.")],
];

export function glossary() {
  const list = make("dl", { className: "dice-words small" });
  for (const [word, meaning] of words()) list.append(make("dt", {}, word), make("dd", {}, meaning));
  return make("details", { className: "dice-glossary" }, make("summary", {}, _("What do these words mean?")), list);
}
