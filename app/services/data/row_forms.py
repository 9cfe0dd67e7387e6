"""Recognizes a row by its columns: a prompt, a prompt with one answer, answers that were compared, or a conversation.

Knows the forms in which the field keeps them (docs/data.md names each with an example) and no file and no database.
Whatever is not recognised is refused with the columns that were found; what is not taken of a recognised row is named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from app.chat import Message, without_system
from app.db.models.prompts import PromptSource, PromptSplit
from app.errors import InvalidError
from app.formats.texts import clean_text
from app.services.data.compared_rows import GivenRanking, comparison_of, ranking_of, summaries_of
from app.services.data.conversation_rows import COLUMNS as CONVERSATION
from app.services.data.conversation_rows import MESSAGES, GivenConversation, conversation_of
from app.services.data.conversations import as_dialogue, no_list_as_text, read_conversation
from app.services.data.row_values import Row, a_list_of_tags, a_text, a_time, one_of
from app.services.data.vote_rows import GivenVote, vote_of
from app.services.labeling.labelers import LabelerName
from app.services.prompts.prompts import NewPrompt, validate_messages
from app.translation import N_, _

MAX_LANGUAGE_CHARACTERS = 16
ANY_LENGTH = 1 << 20  # no line is longer; whether a model reads a ranking's prompt is seen when it learns
ANSWER_LISTS = ("answers", "completions", "responses", "candidates")
PROMPTS = ("messages", "conversations", "conversation", "prompt", "instruction", "question", "query", "text")
SYSTEMS = ("system", "system_prompt")
SINGLE_ANSWERS = ("completion", "response", "answer", "output", "chosen")
COMPARED = ("chosen", "rejected", "summaries", "choice", "ranks", "scores", "pair", "verdict")
KNOWN_COLUMNS = frozenset((*ANSWER_LISTS, *PROMPTS, *SINGLE_ANSWERS, *COMPARED, "input", "label", "split", "language"))
"""By which a table is told from other text."""
KNOWN = N_(
    "prompt, messages or text (prompts); prompt with answers and their ranks or scores (rankings); chosen and rejected "
    "(comparisons); conversations (ShareGPT); instruction and output (Alpaca)"
)


class Form(StrEnum):
    PROMPTS = "prompts"
    ANSWERED = "answered"
    """Prompts with one answer each, as supervised fine-tuning reads them: the answers are not kept."""
    RANKINGS = "rankings"
    COMPARISONS = "comparisons"
    VOTES = "votes"
    """Of the arena."""
    CONVERSATIONS = "conversations"
    """As they are exported here."""


@dataclass(frozen=True)
class GivenRow:
    form: Form
    prompt: NewPrompt
    ranking: GivenRanking | None = None
    vote: GivenVote | None = None
    conversation: GivenConversation | None = None
    tags: tuple[str, ...] = ()
    """Of what the row is: a prompt, or a ranking."""
    group_tags: tuple[str, ...] = ()
    """Of a ranking's group."""
    answers_not_kept: int = 0
    questions_not_kept: int = 0
    columns_not_kept: frozenset[str] = frozenset()

    @property
    def is_prompt(self) -> bool:
        return self.ranking is None and self.vote is None and self.conversation is None

    @property
    def records(self) -> int:
        """About how many are stored for it."""
        answers = 0 if self.ranking is None else len(self.ranking.answers)
        turns = 0 if self.conversation is None else len(self.conversation.turns)
        return 1 + answers + turns + 2 * (self.vote is not None)


def read_row(columns: Mapping[str, Any], max_characters: int, owner: LabelerName | None = None) -> GivenRow:
    """Raises InvalidError with what is wrong. `max_characters` is for prompts that come alone; rows of nothing but
    messages are conversations of `owner`, where there is one."""
    row = Row(columns)
    if owner is not None and _is_conversation(row):
        recognised = _whole_conversation(row, owner)
    else:
        recognised = _recognised(row)(row, max_characters)
    prompt = replace(
        recognised.prompt,
        split=_split(row.take("split")),
        language=_language(row.take("language")),
        source=_source(row.take("source")),
        archived_at=a_time(row.take("archived_at"), "archived_at"),
    )
    is_tagged = recognised.vote is None and recognised.conversation is None
    tags = a_list_of_tags(row, "tags") if is_tagged else ()
    group_tags = () if recognised.ranking is None else a_list_of_tags(row, "group_tags")
    return replace(recognised, prompt=prompt, tags=tags, group_tags=group_tags, columns_not_kept=row.left())


def _recognised(row: Row) -> Callable[[Row, int], GivenRow]:
    if row.has("verdict") and row.has("pair"):
        return _vote
    if all(row.has(name) for name in CONVERSATION):
        return lambda row, _most: _whole_conversation(row, None)
    if row.has("chosen") and row.has("rejected"):
        return _comparison
    if row.has("summaries") and row.has("choice"):
        return _summaries
    if any(isinstance(row.get(name), list) for name in ANSWER_LISTS):
        return _ranking
    if row.has("label") and any(row.has(name) for name in ("completion", "response")):
        raise InvalidError(
            _(
                "it is one answer with a label (as KTO reads them), which compares nothing. Send pairs of "
                "answers (prompt, chosen, rejected); or leave the label out, and its prompt is imported."
            )
        )
    if any(row.has(name) for name in PROMPTS):
        return _prompt
    names = ", ".join(sorted(row.left(), key=str))
    if not names:
        raise InvalidError(_("it has no columns with anything in them. It needs {known}.", known=_(KNOWN)))
    raise InvalidError(_("its columns are not known ({names}). It needs {known}.", names=names, known=_(KNOWN)))


def _prompt(row: Row, max_characters: int) -> GivenRow:
    """A prompt alone; or with answers, and then what was asked before the first of them is the prompt."""
    messages = _conversation(row, next(name for name in PROMPTS if row.has(name)))
    beside = sum(row.take(name) is not None for name in SINGLE_ANSWERS)
    if messages[-1]["role"] == "user":
        prompt = NewPrompt(validate_messages(_under_system(row, messages), max_characters))
        return GivenRow(Form.ANSWERED if beside else Form.PROMPTS, prompt, answers_not_kept=beside)
    roles = [message["role"] for message in messages]
    if roles[0] == "assistant":
        raise InvalidError(_("it begins with an answer: nothing was asked before it that could be the prompt."))
    asked = _under_system(row, messages[: roles.index("assistant")])
    prompt = NewPrompt(validate_messages(asked, max_characters))
    answers = roles.count("assistant")
    later = len(roles) - roles.index("assistant") - answers
    return GivenRow(Form.ANSWERED, prompt, answers_not_kept=answers + beside, questions_not_kept=later)


def _conversation(row: Row, name: str) -> list[Message]:
    given = row.take(name)
    if name == "instruction":
        texts = [a_text(given, name), *(a_text(row.take(other), other) for other in ("input", "context"))]
        return [Message(role="user", content="\n\n".join(text for text in texts if text))]
    messages = read_conversation(no_list_as_text(given, name), name)
    if name == "messages" and row.get("prompt") == messages[0]["content"]:
        row.take("prompt")  # the same once more, as some files have it
    return messages


def _under_system(row: Row, messages: list[Message]) -> list[Message]:
    """The conversation, where its system text stands in a column beside it (Orca, LLaMA-Factory): once."""
    name = next((name for name in SYSTEMS if row.has(name)), None)
    text = None if name is None else a_text(row.take(name), name)
    if text is None or not text.strip() or not messages or messages[0]["content"].startswith(text + "\n"):
        return messages
    return without_system([Message(role="system", content=text), *messages])


def _comparison(row: Row, _: int) -> GivenRow:
    messages, ranking = comparison_of(row, _explicit_prompt(row))
    messages = _under_system(row, messages)
    return GivenRow(Form.COMPARISONS, NewPrompt(validate_messages(messages, ANY_LENGTH)), ranking)


def _ranking(row: Row, _most: int) -> GivenRow:
    name = next(name for name in ANSWER_LISTS if isinstance(row.get(name), list))
    messages = _explicit_prompt(row)
    if messages is None:
        raise InvalidError(
            _("it has {name}, but nothing that they answer. It needs prompt (a text or messages).", name=name)
        )
    messages, ranking = _under_system(row, messages), ranking_of(row, name)
    return GivenRow(Form.RANKINGS, NewPrompt(validate_messages(messages, ANY_LENGTH)), ranking)


def _vote(row: Row, _most: int) -> GivenRow:
    messages = _explicit_prompt(row)
    if messages is None:
        raise InvalidError(
            _("it has {name}, but nothing that they answer. It needs prompt (a text or messages).", name="pair")
        )
    return GivenRow(Form.VOTES, NewPrompt(validate_messages(messages, ANY_LENGTH)), vote=vote_of(row))


def _is_conversation(row: Row) -> bool:
    return any(row.has(name) for name in MESSAGES) and not any(row.has(name) for name in COMPARED)


def _whole_conversation(row: Row, owner: LabelerName | None) -> GivenRow:
    """What is asked first stands for it where files are looked at; it becomes no prompt."""
    given = conversation_of(row, owner)
    return GivenRow(Form.CONVERSATIONS, NewPrompt([given.turns[0]]), conversation=given)


def _summaries(row: Row, _: int) -> GivenRow:
    text, ranking = summaries_of(row)
    return GivenRow(
        Form.COMPARISONS, NewPrompt(validate_messages(read_conversation(text, "info"), ANY_LENGTH)), ranking
    )


def _explicit_prompt(row: Row) -> list[Message] | None:
    """Of a row with answers; None where it is told by these."""
    if not any(row.has(name) for name in PROMPTS if name != "text"):
        return None
    if row.has("prompt") or row.has("instruction"):
        row.take("messages")  # the chosen conversation once more
    name = next(name for name in ("prompt", *PROMPTS) if row.has(name))
    if name == "prompt" and isinstance(row.get(name), str):
        dialogue = as_dialogue(row.get(name))
        if dialogue is not None:
            row.take(name)
            return dialogue
    return _conversation(row, name)


def _split(given: object) -> PromptSplit | None:
    return one_of(given, "split", PromptSplit)


def _language(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or len(clean_text(given)) > MAX_LANGUAGE_CHARACTERS:
        raise InvalidError(
            _(
                "language is a short code such as en or zh, {max_language_characters} characters at most.",
                max_language_characters=MAX_LANGUAGE_CHARACTERS,
            )
        )
    return clean_text(given) or None


def _source(given: object) -> PromptSource:
    """A prompt that ships with another Fourfold does not ship with this one; other words say nothing here."""
    return PromptSource.OWN if given == PromptSource.OWN else PromptSource.IMPORTED
