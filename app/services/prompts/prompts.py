"""Prompts: checked, and stored once by their content."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, selectinload

from app.chat import Message
from app.corpus.prompts import load_prompts
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.errors import InvalidError, NotFoundError
from app.formats.languages import guessed
from app.formats.texts import clean_text, shows_anything
from app.model_info.prompt_sets import CORPUS, EVERYBODYS, FILES
from app.services.labeling.drawing import KEY_DIGITS
from app.translation import N_, _

MAX_MESSAGES = 64
EMPTY = N_("The prompt is empty: write what you want answered.")
LOOKUP_ROWS = 500


def validate_messages(messages: Sequence[Mapping[str, Any]], max_characters: int) -> list[Message]:
    """User and assistant in turn, the user first and last, nothing empty. Raises InvalidError with the next step."""
    if not messages:
        raise InvalidError(_(EMPTY))
    if len(messages) > MAX_MESSAGES:
        raise InvalidError(
            _("The conversation has {n} messages; at most {most} are taken.", n=len(messages), most=MAX_MESSAGES)
        )
    checked: list[Message] = []
    for number, message in enumerate(messages, start=1):
        role = "user" if number % 2 else "assistant"
        if message.get("role") != role:
            raise InvalidError(
                _(
                    "Message {number} must have the role {role}: user and assistant take turns, the user first.",
                    number=number,
                    role=repr(role),
                )
            )
        content = clean_text(str(message.get("content") or ""))
        if not shows_anything(content):
            raise InvalidError(
                _("Message {number} is empty: write what you want answered.", number=number),
                page=_(EMPTY) if len(messages) == 1 else None,
            )
        checked.append(Message(role="user" if number % 2 else "assistant", content=content))
    if len(checked) % 2 == 0:
        raise InvalidError(_("The last message must be the user's: it is the one to be answered."))
    length = sum(len(message["content"]) for message in checked)
    if length > max_characters:
        raise InvalidError(
            _(
                "The prompt has {n} characters; at most {most} are allowed. Shorten it.",
                n=f"{length:,}",
                most=f"{max_characters:,}",
            )
        )
    return checked


def digest_of(messages: Sequence[Message]) -> str:
    canonical = json.dumps(list(messages), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class NewPrompt:
    messages: Sequence[Message]
    split: PromptSplit | None = None
    """None where nobody said: TRAIN, or where it is already."""
    language: str | None = None
    source: PromptSource = PromptSource.OWN
    archived_at: datetime | None = None
    prompt_set: str = EVERYBODYS


def add_prompt(
    session: Session,
    *,
    messages: Sequence[Message],
    source: PromptSource,
    split: PromptSplit = PromptSplit.TRAIN,
    language: str | None = None,
) -> Prompt:
    """Stores the prompt; the same messages give the prompt that is there already, in its own split. An archived one
    that a person gives again is in use again."""
    digest = digest_of(messages)
    stored = _by_digest(session, digest)
    if stored is not None:
        return _given_again(stored, source)
    prompt = Prompt(**prompt_row(NewPrompt(messages, split, language, source)))
    session.add(prompt)
    session.flush()
    return prompt


def add_prompts(session: Session, given: Sequence[NewPrompt]) -> list[Prompt]:
    """Many at once, in their order; the same rules as for one."""
    digests = [digest_of(new.messages) for new in given]
    known: dict[str, Prompt] = {}
    for among in _lookups(digests):
        known |= {prompt.digest: prompt for prompt in session.scalars(select(Prompt).where(among))}
    for new, digest in zip(given, digests, strict=True):
        if digest in known:
            _given_again(known[digest], new.source)
    for new, digest in zip(given, digests, strict=True):
        if digest not in known:
            known[digest] = Prompt(**prompt_row(new))
            session.add(known[digest])
    session.flush()
    return [known[digest] for digest in digests]


def _given_again(prompt: Prompt, source: PromptSource) -> Prompt:
    """It no longer depends on the import that is just bringing it, too. What a person gives is everybody's from then
    on."""
    prompt.import_id = None
    if source is PromptSource.OWN:
        prompt.archived_at, prompt.prompt_set = None, EVERYBODYS
    return prompt


def prompt_row(new: NewPrompt) -> dict[str, Any]:
    """The columns of a prompt that is stored for the first time."""
    digest = digest_of(new.messages)
    return {
        "text": new.messages[-1]["content"],
        "messages": [{"role": message["role"], "content": message["content"]} for message in new.messages],
        "digest": digest,
        "draw_key": digest[:KEY_DIGITS],
        "split": new.split or PromptSplit.TRAIN,
        "source": new.source,
        "language": new.language or guessed(new.messages[-1]["content"]),
        "archived_at": new.archived_at,
        "prompt_set": new.prompt_set,
    }


def _by_digest(session: Session, digest: str) -> Prompt | None:
    return session.scalar(select(Prompt).where(Prompt.digest == digest))


def get_prompt(session: Session, prompt_id: int) -> Prompt:
    """With its tags."""
    there = select(Prompt).where(Prompt.id == prompt_id, Prompt.is_visible())
    prompt = session.scalar(there.options(selectinload(Prompt.tags)))
    if prompt is None:
        raise NotFoundError(_("There is no prompt {id}. The Data page lists them.", id=prompt_id))
    return prompt


def install_shipped_prompts(session: Session, sets: Iterable[str] = (CORPUS,)) -> int:
    """Stores the prompts of these sets, which ship with the program; returns how many were new."""
    newest = session.scalar(select(func.max(Prompt.id))) or 0
    shipped = {digest: new for name in sorted(set(sets)) for digest, new in _shipped(name).items()}
    there = _there(session, list(shipped))
    added = add_prompts(session, [new for digest, new in shipped.items() if digest not in there])
    return sum(prompt.id > newest for prompt in added)


@cache
def _shipped(name: str) -> Mapping[str, NewPrompt]:
    """Of a set, by digest."""
    given = [
        NewPrompt(
            [Message(role="user", content=clean_text(prompt.text))],
            PromptSplit(prompt.split),
            prompt.language,
            PromptSource.SHIPPED,
            prompt_set=name,
        )
        for prompt in load_prompts(FILES[name])
    ]
    return {digest_of(new.messages): new for new in given}


def _there(session: Session, digests: Sequence[str]) -> set[str]:
    """Those of stored prompts that depend on no import: each start asks for all that are shipped."""
    found: set[str] = set()
    for among in _lookups(digests):
        found.update(session.scalars(select(Prompt.digest).where(among, Prompt.import_id.is_(None))))
    return found


def _lookups(digests: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions that together find the prompts of all these, each with as many as a statement takes."""
    for start in range(0, len(digests), LOOKUP_ROWS):
        yield Prompt.digest.in_(digests[start : start + LOOKUP_ROWS])
