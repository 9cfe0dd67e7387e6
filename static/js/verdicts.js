// Which key is which vote, by letter and by place: pure, knows no page.

const KEYS = {
  a: ["a", "1", "ArrowLeft"],
  b: ["b", "2", "ArrowRight"],
  tie: ["t", "3", "="],
  both_bad: ["x", "4"],
};

/** @param meaning of a key (meanings.js) @returns a, b, tie or both_bad; null: no vote */
export const verdictOf = (meaning) => Object.keys(KEYS).find((verdict) => KEYS[verdict].includes(meaning)) ?? null;
