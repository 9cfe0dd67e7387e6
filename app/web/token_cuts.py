"""A text cut by one tokenizer or by two, as the page of tokens shows it, and the panel of one token."""

import re
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

from starlette.datastructures import FormData, QueryParams

from app.chat import Cut, MergeTree, Tokenized
from app.db.models.versions import Version
from app.errors import AppError, InvalidError
from app.formats.figures import number
from app.formats.ids import parse_id
from app.runtime import Runtime
from app.services.versions.tokenizers import MAX_TEXT_CHARACTERS, tokenizers, tokenizing_version
from app.translation import N_, _
from app.web import formatting
from app.web.templating import Context
from app.web.token_views import (
    CharacterName,
    Counts,
    PartOfCharacter,
    Segment,
    counts,
    hexadecimal,
    names,
    observations,
    parts_of_characters,
    segments,
)

FIRST_TEXT = "The cat sat beside the encyclopedia.\n猫坐在百科全书旁边。"
MAX_IN_ADDRESS = 2_000
"""Characters of a text that the address of the page keeps: browsers and proxies bound addresses."""
CHOSEN = re.compile("[01]-(0|[1-9][0-9]{0,5})")
MOST_SHOWN = 2_000
"""Tokens that are drawn; all are counted."""
SHOWN_BELOW = (("text", N_("nothing")), ("ids", N_("ids")), ("bytes", N_("bytes")))


@dataclass(frozen=True)
class Asked:
    """What the form asks for. `version` and `beside` name tokenizers by a version that has them, as they were sent;
    `chosen` is a token: its side and its place, "0-12"."""

    text: str = FIRST_TEXT
    version: str = ""
    beside: str = ""
    below: str = "text"
    chat: bool = False
    chosen: str = ""


def asked_in(sent: FormData | QueryParams) -> Asked:
    """A text is taken as it is; unknown settings become the usual ones."""
    given = {name: str(sent[name]) for name in ("text", "version", "beside", "below", "chosen") if name in sent}
    asked = Asked(**given, chat="chat" in sent)
    text = asked.text.replace("\r\n", "\n")  # as forms send line ends
    known = asked.below in dict(SHOWN_BELOW)
    return replace(asked, text=text, below=asked.below if known else "text")


@dataclass(frozen=True)
class ShownToken:
    key: str
    """As `Asked.chosen` names it."""
    token_id: int
    segments: list[Segment]
    bytes: str
    special: bool
    half: bool
    """It holds a part of a character."""
    ends_line: bool

    @property
    def spoken(self) -> str:
        """What it writes, for screen readers."""
        return "".join(each.shown for each in self.segments)


@dataclass(frozen=True, kw_only=True)
class TokenPanel(Context):
    """One token, looked at closely."""

    template: ClassVar[str] = "tokens/_token.html"
    token: ShownToken | None
    """None: none was chosen, or it is not there any more."""
    place: int = 0
    """From 1, in the text."""
    times: int = 0
    """How often it stands in the text."""
    characters: list[CharacterName]
    """Its whole characters, the first of them."""
    parts: list[PartOfCharacter]
    """Characters that it holds a part of."""
    tree: MergeTree | None = None
    """The merges that made it."""
    no_tree: str = ""
    """Why there is none."""
    error: str = ""
    """Why the text cannot be cut."""


NO_TOKEN = TokenPanel(token=None, characters=[], parts=[])


@dataclass(frozen=True)
class Reading:
    """A text as one tokenizer cuts it."""

    title: str
    source: Version
    tokens: list[ShownToken]
    left_out: int
    """Tokens that are not drawn."""
    counts: Counts
    observations: list[str]
    algorithm: str
    reads: str
    """What the tokenizer makes of the text before it cuts it; empty where it keeps it as it is."""


@dataclass(frozen=True, kw_only=True)
class Cuts(Context):
    """The cuts of a text, and the token that was chosen."""

    template: ClassVar[str] = "tokens/_cuts.html"
    asked: Asked
    """What the form asks for."""
    readings: list[Reading]
    """By one tokenizer or two."""
    panel: TokenPanel
    """The token that was chosen."""
    error: str
    """Why there are none."""
    too_long_for_address: bool
    """Then the address does not keep the text."""
    max_in_address: int = MAX_IN_ADDRESS
    """Characters that the address keeps."""


def cut_up(runtime: Runtime, asked: Asked) -> Cuts:
    """What cannot be cut is told in the place of the cuts."""
    too_long = len(asked.text) > MAX_IN_ADDRESS
    try:
        readings, panel = _readings(runtime, asked)
    except AppError as error:
        return Cuts(asked=asked, readings=[], panel=NO_TOKEN, error=error.page_message, too_long_for_address=too_long)
    return Cuts(asked=asked, readings=readings, panel=panel, error="", too_long_for_address=too_long)


def _readings(runtime: Runtime, asked: Asked) -> tuple[list[Reading], TokenPanel]:
    if len(asked.text) > MAX_TEXT_CHARACTERS:
        raise InvalidError(
            _(
                "The text has {count} characters; at most {most} are cut here. Shorten it.",
                count=number(len(asked.text)),
                most=number(MAX_TEXT_CHARACTERS),
            )
        )
    readings: list[Reading] = []
    panel = NO_TOKEN
    for side, named in enumerate([asked.version, *([asked.beside] if asked.beside else [])]):
        with runtime.read() as session:
            version = tokenizing_version(session, _version_id(named))
            source = next((each.source for each in tokenizers(session) if version.id in each.shared_by), version)
        told = runtime.engine.tokenize(asked.text, version_id=source.id, chat=asked.chat, merges=bool(asked.chosen))
        readings.append(_reading(asked, side, source, told))
        if asked.chosen.startswith(f"{side}-"):
            panel = _panel(asked, side, told)
    return readings, panel


def _version_id(named: str) -> int | None:
    if not named:
        return None
    version_id = parse_id(named)
    if version_id is None:
        raise InvalidError(_("There is no version “{id}”. Choose a tokenizer from the list.", id=named[:20]))
    return version_id


def tokenizer_title(source: Version) -> str:
    """ "SFT model 1 · ships with Fourfold"."""
    return f"{formatting.version_title(source)} · {formatting.version_origin(source)}"


def _reading(asked: Asked, side: int, source: Version, told: Tokenized) -> Reading:
    aligned = told.exact and not asked.chat
    of = counts(asked.text, told.tokens, exact=aligned)
    return Reading(
        title=tokenizer_title(source),
        source=source,
        tokens=[_shown(f"{side}-{place}", each) for place, each in enumerate(told.tokens[:MOST_SHOWN])],
        left_out=max(0, len(told.tokens) - MOST_SHOWN),
        counts=of,
        observations=observations(of),
        algorithm=told.algorithm,
        reads="" if told.exact else _joined(told).decode("utf-8", "replace"),
    )


def _joined(told: Tokenized) -> bytes:
    return b"".join(bytes(each.bytes) for each in told.tokens)


def _shown(key: str, token: Cut) -> ShownToken:
    written = bytes(token.bytes)
    shown = [Segment("text", token.text)] if token.special else segments(written)
    return ShownToken(
        key=key,
        token_id=token.token_id,
        segments=shown,
        bytes=hexadecimal(written),
        special=token.special,
        half=any(each.kind == "bytes" for each in shown),
        ends_line=b"\n" in written and not token.special,
    )


def _panel(asked: Asked, side: int, told: Tokenized) -> TokenPanel:
    chosen = CHOSEN.fullmatch(asked.chosen)
    place = -1 if chosen is None else int(chosen[1])
    if not 0 <= place < len(told.tokens):
        return NO_TOKEN
    token = told.tokens[place]
    written = bytes(token.bytes)
    begin = [0, *accumulate(len(each.bytes) for each in told.tokens)][place]
    tree = told.merges.get(token.token_id)
    return TokenPanel(
        token=_shown(f"{side}-{place}", token),
        place=place + 1,
        times=sum(each.token_id == token.token_id for each in told.tokens),
        characters=[] if token.special else names(written.decode("utf-8", "ignore")),
        parts=[] if token.special else parts_of_characters(_joined(told), begin, begin + len(written)),
        tree=tree,
        no_tree="" if tree is not None else _why_no_tree(token, told.algorithm),
    )


def _why_no_tree(token: Cut, algorithm: str) -> str:
    if token.special:
        return _("A special token is in the vocabulary as a whole: no merges made it.")
    if not algorithm.endswith("BPE"):
        return _("This tokenizer ({algorithm}) knows no merges.", algorithm=algorithm)
    return _("It is in the vocabulary as a whole, or too long to draw: there are no merges to show.")
