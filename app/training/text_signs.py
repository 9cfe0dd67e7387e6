"""Signs in the texts that answers have degenerated: empty, repeating the question or themselves, in another script.

Each is a share between 0 and 1 and is compared with the SFT model's share on the same prompts, so that a question that
asks for an echo ("Copy this for me: ...") counts for neither. A short answer alone is no sign: brevity is a taste.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")  # Chinese, Japanese, Korean: by the character
REPEATED_WORDS = 3
ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}  # Japanese writes all three


@dataclass(frozen=True)
class TextSigns:
    """Of many answers: shares of them, and a mean."""

    empty_share: float
    echo_share: float
    other_script_share: float
    repetition: float


def words_of(text: str) -> list[str]:
    return WORD.findall(text.casefold())


def is_empty(text: str) -> bool:
    """No word and no number: nothing, spaces seen or unseen, marks, smileys."""
    return WORD.search(text) is None


def scripts_of(text: str) -> Counter[str]:
    """Its letters by the script that Unicode's names begin with: LATIN, CJK, CYRILLIC, ..."""
    plain = unicodedata.normalize("NFKC", text)
    names = [unicodedata.name(letter, "").split(" ")[0].split("-")[0] for letter in plain if letter.isalpha()]
    return Counter(ONE_SCRIPT.get(name, name) for name in names)


def is_in_other_script(question: str, text: str) -> bool:
    """Most letters of the answer are of a script of which the question has none."""
    asked, answered = scripts_of(question), scripts_of(text)
    return bool(asked and answered) and answered.most_common(1)[0][0] not in asked


def is_echo(question: str, text: str) -> bool:
    """Every word of the answer stands in the question; an answer without words is no echo."""
    words = words_of(text)
    return bool(words) and set(words) <= set(words_of(question))


def repetition(text: str) -> float:
    """Share of the runs of three words that stood in the answer before (1 - distinct-3, Li et al. 2016)."""
    words = words_of(text)
    runs = [tuple(words[start : start + REPEATED_WORDS]) for start in range(len(words) - REPEATED_WORDS + 1)]
    return 1.0 - len(set(runs)) / len(runs) if runs else 0.0


def text_signs(questions: Sequence[str], answers: Sequence[Sequence[str]]) -> TextSigns:
    """`answers[i]` to `questions[i]`: shares of all answers, and the mean repetition."""
    pairs = [(question, text) for question, group in zip(questions, answers, strict=True) for text in group]
    return TextSigns(
        empty_share=sum(is_empty(text) for _, text in pairs) / len(pairs),
        echo_share=sum(is_echo(question, text) for question, text in pairs) / len(pairs),
        other_script_share=sum(is_in_other_script(question, text) for question, text in pairs) / len(pairs),
        repetition=sum(repetition(text) for _, text in pairs) / len(pairs),
    )
