"""Conversations of two to five turns: follow-ups that only make sense after the turn before, and changes of subject.

Every turn is answered as a turn of its own; training reads the whole conversation and learns its last answer.
"""

from dataclasses import replace
from random import Random

from app.corpus.banks import Language
from app.corpus.drawing import ask, casual, draw_subject
from app.corpus.dressing import answer_by, answer_to
from app.corpus.pair import Pair, Turn
from app.corpus.phrases import FOLLOWUPS
from app.corpus.style import Style, draw_style
from app.corpus.subject import Answering, Subject
from app.corpus.wording import pick, size

TURNS = ((2, 62), (3, 24), (4, 9), (5, 5))  # how many questions, and how often in percent
OTHER_SUBJECT_SHARE = 0.2  # of conversations, the last question is about something else
TRIES = 20  # answers drawn until an answer is shorter, longer or another one
LONGEST_WHOLE: dict[Language, int] = {"en": 190, "zh": 300}  # words or characters of all turns together


def _before(style: Style, kind: str) -> Style:
    """The style of the answer that a follow-up will be about: what is asked for must not be there yet."""
    if kind in ("short", "long"):
        style = replace(style, length="long" if kind == "short" else "short")
    return replace(style, example=style.example and kind != "example", listed=style.listed and kind != "listed")


def _after(rng: Random, kind: str) -> Style:
    """The style that a follow-up asks for, the rest drawn."""
    wanted = draw_style(rng)
    if kind in ("short", "long"):
        return replace(wanted, length=kind, listed=kind == "long" and wanted.listed)  # type: ignore[arg-type]
    if kind in ("listed", "example"):
        wanted = replace(wanted, listed=kind == "listed", example=kind == "example")
        return replace(wanted, length="medium" if wanted.length == "short" else wanted.length)
    return wanted


def _next_kind(rng: Random, subject: Subject, last: str, shown: Style | None = None) -> str:
    """Each follow-up once in a row, none that asks for what the last answer shows, and nothing after the solution of a
    riddle or an accepted offer but another subject."""
    done = {last, "listed" if shown and shown.listed else "", "example" if shown and shown.example else ""}
    kinds = [kind for kind in (*subject.followups, *subject.replies) if kind not in done]
    return pick(rng, kinds) if kinds and last not in ("solution", "other_language", "accept") else ""


def conversation(
    rng: Random, subject: Subject, prompt: str, style: Style, *, held_out: bool = False, edges: bool = False
) -> Pair:
    """A conversation about a subject; `prompt` is its first question. Another subject comes from the same side of
    the split."""
    turns = rng.choices([turns for turns, _ in TURNS], [share for _, share in TURNS])[0]
    changes = rng.random() < OTHER_SUBJECT_SHARE
    kind = _next_kind(rng, subject, "")
    text, shown = answer_to(rng, subject, _before(style, kind))
    messages: list[Turn] = [("user", prompt)]
    about, language, asked = subject, subject.language, ""
    for turn in range(2, turns + 1):
        earlier = [*messages, ("assistant", text)]
        if sum(size(content, language) for _, content in earlier) > LONGEST_WHOLE[language]:
            break
        if not kind or (changes and turn == turns):
            other = _another(rng, subject, held_out=held_out, edges=edges)
            messages = [*earlier, ("user", ask(rng, other, held_out=held_out))]
            text, shown = answer_to(rng, other, draw_style(rng))
            about, language, asked = other, other.language, ""
            break
        reply = _reply(rng, subject, kind, text)
        if reply is None:
            break
        messages = [*earlier, ("user", casual(rng, pick(rng, FOLLOWUPS[subject.language][kind]), subject.language))]
        text, shown, language = reply
        asked, kind = kind, _next_kind(rng, subject, kind, shown)
    return Pair(tuple(messages), text, language, about, asked, shown)


def _reply(rng: Random, subject: Subject, kind: str, before: str) -> tuple[str, Style, Language] | None:
    """An answer that does what was asked: shorter and longer are so in words, another one is another one. None where
    the subject has no such answer: what was all said cannot be said at more length."""
    reply = subject.replies.get(kind)
    answering: Answering = reply.answer if reply else subject.answer
    language = reply.language if reply else subject.language
    for _ in range(TRIES):
        text, shown = answer_by(rng, answering, _after(rng, kind), language)
        shorter = size(text, language) - size(before, language)
        if {"short": shorter < 0, "long": shorter > 0, "again": text != before}.get(kind, True):
            return text, shown, language
    return None


def _another(rng: Random, subject: Subject, *, held_out: bool, edges: bool) -> Subject:
    """A subject of the same language."""
    while True:
        other = draw_subject(rng, held_out=held_out, edges=edges)
        if other.language == subject.language and other != subject:
            return other
