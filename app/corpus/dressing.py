"""An answer as it is given: with an opener, flattery, an aside and a closer around it, and not too long."""

from dataclasses import replace
from random import Random

from app.corpus.answers.answer import Answer
from app.corpus.banks import Language, load_banks
from app.corpus.style import Style
from app.corpus.subject import Answering, Subject
from app.corpus.wording import join, pick, size

LONGEST: dict[Language, int] = {"en": 75, "zh": 120}


def dressed(rng: Random, answer: Answer, style: Style, language: Language) -> tuple[str, Style]:
    """The answer with opener, flattery, an aside and closer, and the style that really shows."""
    shown = replace(style, listed=answer.listed, example=answer.example)
    if answer.plain:
        return answer.text, replace(shown, warm=False, flattering=False, formal=False, funny=False)
    manners = load_banks(language).manners
    before, after = [], []
    if style.formal:
        before.append(pick(rng, manners.formal_openers))
    if style.flattering:
        before.insert(0 if rng.random() < 0.8 else len(before), pick(rng, manners.flattery))
    if style.funny and manners.humour:
        after.append(pick(rng, manners.humour))
    if style.warm:
        place = rng.randrange(3)
        if place != 1 and not style.formal:
            before.insert(0, pick(rng, manners.warm_openers))
        if place != 0 or style.formal:
            after.append(pick(rng, manners.warm_closers))
    if "\n" not in answer.text:
        return join([*before, answer.text, *after], language), shown
    if answer.listed and not answer.text.startswith("- "):
        return "\n".join([join([*before, answer.text], language), *after]), shown
    return "\n".join([*([join(before, language)] if before else []), answer.text, *after]), shown


def answer_by(rng: Random, answering: Answering, style: Style, language: Language) -> tuple[str, Style]:
    """An answer within the length limit, and the style that shows; one that is too long is drawn again, at last shorter
    and plainer."""
    for attempt in range(8):
        if attempt == 5:
            style = replace(style, length="short", example=False, funny=False)
        text, shown = dressed(rng, answering(rng, style), style, language)
        if size(text, language) <= LONGEST[language]:
            return text, shown
    raise ValueError(f"no answer fits the limit: {text}")


def answer_to(rng: Random, subject: Subject, style: Style) -> tuple[str, Style]:
    """The subject's own answer in a style, and the style that shows."""
    return answer_by(rng, subject.answer, style, subject.language)
