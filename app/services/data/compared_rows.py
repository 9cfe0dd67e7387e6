"""Answers that were compared, as rows of files hold them: pairs, lists with ranks or scores, summaries with a choice.

Each becomes one ranking of two or more answers: rank 1 is best, equal ranks are ties.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.chat import Message
from app.db.models.groups import MOST_IMPORTED_ANSWERS
from app.db.models.labelers import LabelerKind
from app.errors import InvalidError
from app.formats.texts import clean_text
from app.formats.writers import Writer
from app.preferences import check_ranks, normalize_ranks, ranks_from_scores
from app.services.data.conversations import as_dialogue, no_list_as_text, read_answer, read_conversation
from app.services.data.row_values import (
    Row,
    a_flag,
    a_number,
    a_text,
    a_time,
    a_whole_number,
    a_writer,
    one_of,
    sampling_settings,
    show,
)
from app.services.labeling.rankings import MAX_COMMENT_CHARACTERS, MAX_DURATION_MS
from app.translation import _

TEXTS = ("text", "response", "completion", "content", "answer", "output", "summary")
RANKS, SCORES = ("rank",), ("score", "overall_score", "rating", "reward")
WRITERS = ("model", "policy")


@dataclass(frozen=True)
class GivenAnswer:
    text: str
    finish_reason: str = "stop"
    tokens: list[int] = field(default_factory=list)
    position: int | None = None
    writer: Writer | None = None
    """Where the file says it of each answer; else it is `GivenRanking.writer`."""


@dataclass(frozen=True)
class GivenRanking:
    answers: Sequence[GivenAnswer]
    """In the order in which they were shown."""
    ranks: Sequence[int]
    labeler: str | None
    """As the file names whoever ranked."""
    labeler_kind: LabelerKind | None
    writer: Writer | None
    comment: str | None
    duration_ms: int | None
    created_at: datetime | None
    settings: dict[str, Any]
    is_repeat: bool = False
    """Whether the labeler had ranked these answers before: it is not trained on."""
    group: int | None = None
    """The number of its group in the file."""
    second_of: int | None = None
    """The number of the group with the same answers that somebody else ranked first."""

    @property
    def says_something(self) -> bool:
        """Not where it compares a text with itself. (Of more answers it is kept as it was given.)"""
        return len(self.answers) > 2 or self.answers[0].text != self.answers[1].text


def ranking_of(row: Row, name: str) -> GivenRanking:
    """Of a list of answers (texts or objects) with ranks (1 is best) or scores (more is better), each in the answer or
    in a list beside."""
    given = row.take(name)
    items = [item if isinstance(item, dict) else {"text": item} for item in given]
    answers = [_answer(item, f"{name}[{place}]") for place, item in enumerate(items)]
    ranks = _ranks(row, items, name)
    writer = row.take("written_by") or _together(items)
    order = sorted(range(len(answers)), key=lambda place: (answers[place].position or 0, place))
    return _given(row, [answers[place] for place in order], [ranks[place] for place in order], writer)


def comparison_of(row: Row, prompt: list[Message] | None) -> tuple[list[Message], GivenRanking]:
    """The prompt and its two answers: chosen and rejected are texts or lists of messages. A prompt that is not named is
    what both have in common, as TRL reads it: all messages before the last, or the words at their beginning."""
    chosen, rejected = (no_list_as_text(row.take(name), name) for name in ("chosen", "rejected"))
    if isinstance(chosen, str) and isinstance(rejected, str):
        compared = (prompt, chosen, rejected) if prompt else _of_texts(chosen, rejected)
    else:
        compared = _of_messages(prompt, read_conversation(chosen, "chosen"), read_conversation(rejected, "rejected"))
    answers = [
        GivenAnswer(
            plain(text),
            _finish(row.take(f"{name}_finish_reason"), f"{name}_finish_reason"),
            writer=a_writer(row.take(f"{name}_written_by"), row.take(f"{name}_content_hash"), f"{name}_written_by"),
        )
        for name, text in (("chosen", compared[1]), ("rejected", compared[2]))
    ]
    tie = a_flag(row.take("tie"), "tie")
    return compared[0], _given(row, answers, [1, 1] if tie else [1, 2], row.take("written_by"))


def _of_texts(chosen: str, rejected: str) -> tuple[list[Message], str, str]:
    first, second = as_dialogue(chosen, answered=True), as_dialogue(rejected, answered=True)
    if first is not None and second is not None:
        return _of_messages(None, first, second)
    same = (one == other for one, other in zip(chosen, rejected, strict=False))
    common = chosen[: next((place for place, equal in enumerate(same) if not equal), min(len(chosen), len(rejected)))]
    end = max((place + 1 for place, character in enumerate(common) if character.isspace()), default=0)
    if not common[:end].strip():
        raise InvalidError(
            _(
                "it has chosen and rejected, but no prompt, and they do not begin with the same words. Add a "
                "prompt column."
            )
        )
    return [Message(role="user", content=common[:end])], chosen[end:], rejected[end:]


def _of_messages(
    prompt: list[Message] | None, chosen: list[Message], rejected: list[Message]
) -> tuple[list[Message], str, str]:
    before = chosen[:-1]
    if before != rejected[:-1]:
        raise InvalidError(_("chosen and rejected must be the same but for their last message."))
    if prompt is not None and not _begins_with(before, prompt):
        before = prompt + before
    return before, read_answer(chosen, "chosen"), read_answer(rejected, "rejected")


def _begins_with(messages: list[Message], prompt: list[Message]) -> bool:
    """Also where a system text stands before the same first question (HuggingFaceH4/orca_dpo_pairs)."""
    if messages[: len(prompt)] == prompt:
        return True
    first, same = messages[:1], messages[1 : len(prompt)] == prompt[1:]
    return same and bool(first) and first[0]["content"].endswith("\n" + prompt[0]["content"])


def summaries_of(row: Row) -> tuple[str, GivenRanking]:
    """OpenAI's comparisons of summaries (openai/summarize-from-feedback): the post as its models read it, two summaries
    and which of them was chosen."""
    info, summaries, choice = row.take("info"), row.take("summaries"), row.take("choice")
    if not isinstance(info, dict) or not isinstance(summaries, list) or len(summaries) != 2:
        raise InvalidError(_("info must be an object with the post, and summaries a list of two."))
    if choice not in (0, 1) or isinstance(choice, bool):
        raise InvalidError(_("choice must be 0 or 1; it is {choice}.", choice=show(choice)))
    items = [item if isinstance(item, dict) else {"text": item} for item in summaries]
    answers = [_answer(item, f"summaries[{place}]") for place, item in enumerate(items)]
    if not row.has("labeler"):
        row.rename("worker", "labeler")
    return _post(info), _given(row, answers, [1 + (choice != place) for place in (0, 1)], _together(items))


def _post(info: dict[str, Any]) -> str:
    parts = [
        f"{mark}{text}"
        for mark, name in (("SUBREDDIT: r/", "subreddit"), ("TITLE: ", "title"), ("POST: ", "post"), ("", "article"))
        if (text := a_text(info.get(name), f"info.{name}"))
    ]
    return "\n\n".join([*parts, "TL;DR:"])


def _given(row: Row, answers: Sequence[GivenAnswer], ranks: Sequence[int], writer: object) -> GivenRanking:
    if not 2 <= len(answers) <= MOST_IMPORTED_ANSWERS:
        raise InvalidError(
            _(
                "it has {n} answers; a ranking has 2 to {most_imported_answers}.",
                n=len(answers),
                most_imported_answers=MOST_IMPORTED_ANSWERS,
            )
        )
    version = a_whole_number(row.get("version"), "version")
    named = a_writer(writer, None, "written_by") or (None if version is None else Writer(f"version {version}", None))
    comment = clean_text(a_text(row.take("comment"), "comment") or "") or None
    if comment is not None and len(comment) > MAX_COMMENT_CHARACTERS:
        raise InvalidError(
            _(
                "comment has {n} characters; at most {max_comment_characters} are kept.",
                n=f"{len(comment):,}",
                max_comment_characters=f"{MAX_COMMENT_CHARACTERS:,}",
            )
        )
    labeler = row.take("labeler")
    return GivenRanking(
        answers=answers,
        ranks=ranks,
        labeler=labeler if labeler is None or isinstance(labeler, str) else show(labeler),
        labeler_kind=one_of(row.take("labeler_kind"), "labeler_kind", LabelerKind),
        writer=named,
        comment=comment,
        duration_ms=a_whole_number(row.take("duration_ms"), "duration_ms", most=MAX_DURATION_MS),
        created_at=a_time(row.take("created_at"), "created_at"),
        settings=sampling_settings(row.take("settings")),
        is_repeat=a_flag(row.take("is_repeat"), "is_repeat"),
        group=a_whole_number(row.get("group_id"), "group_id"),
        second_of=a_whole_number(row.take("second_of"), "second_of"),
    )


def _answer(item: dict[str, Any], column: str) -> GivenAnswer:
    name = next((name for name in TEXTS if item.get(name) is not None), None)
    if name is None:
        raise InvalidError(_("{column} needs a text; it is {item}.", column=column, item=show(item)))
    tokens = item.get("tokens") or []
    if not isinstance(tokens, list) or not all(type(each) is int and 0 <= each < 2**31 for each in tokens):
        raise InvalidError(_("{column}.tokens must be a list of whole numbers.", column=column))
    return GivenAnswer(
        plain(read_answer(item[name], f"{column}.{name}")),
        _finish(item.get("finish_reason"), f"{column}.finish_reason"),
        tokens,
        a_whole_number(item.get("position"), f"{column}.position"),
        a_writer(item.get("written_by"), item.get("content_hash"), f"{column}.written_by"),
    )


def _finish(given: object, column: str) -> str:
    if given is not None and given not in ("stop", "length"):
        raise InvalidError(_("{column} must be stop or length; it is {given}.", column=column, given=show(given)))
    return "stop" if given is None else str(given)


def plain(text: str) -> str:
    """An answer keeps all its characters but what no database holds."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _ranks(row: Row, items: Sequence[dict[str, Any]], name: str) -> list[int]:
    for key in RANKS:
        values = _column(row, items, key)
        if values is not None:
            ranks = [_rank(value, f"{name}[{place}].{key}") for place, value in enumerate(values)]
            try:
                check_ranks(ranks, len(items))
            except ValueError:
                return normalize_ranks(ranks)
            return ranks
    for key in SCORES:
        values = _column(row, items, key)
        if values is not None:
            return ranks_from_scores([a_number(each, f"{name}[{at}].{key}") for at, each in enumerate(values)])
    raise InvalidError(
        _(
            "{name} have neither ranks nor scores. Give each answer a rank (1 is best) or a score (more "
            "is better), or add a list of ranks or scores as long as theirs.",
            name=name,
        )
    )


def _column(row: Row, items: Sequence[dict[str, Any]], key: str) -> list[Any] | None:
    """One value for each answer: in the answers themselves, or in a list beside them."""
    if items and all(item.get(key) is not None for item in items):
        return [item[key] for item in items]
    beside = row.get(f"{key}s")
    if not isinstance(beside, list):
        return None
    row.take(f"{key}s")
    if len(beside) != len(items):
        raise InvalidError(_("{key}s has {n} values for {n2} answers.", key=key, n=len(beside), n2=len(items)))
    return beside


def _rank(given: object, column: str) -> int:
    rank = a_whole_number(given, column)
    if rank is None:
        raise InvalidError(_("{column} is missing.", column=column))
    return rank


def _together(items: Sequence[dict[str, Any]]) -> str | None:
    """The names of who wrote the answers, in their order."""
    named = [item[name] for item in items for name in WRITERS if isinstance(item.get(name), str)]
    return ", ".join(named) if len(named) == len(items) else None
