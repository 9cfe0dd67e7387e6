"""The text side of an imported model: special tokens and chat template, with what people type kept apart from both.

Two copies of the tokenizer: one recognizes the added tokens that the template writes, the other knows none, so that
typed text cannot become one. Ordinary conversations give exactly the ids of transformers' `apply_chat_template`. A
"mark" here is an added token that steers the model; words that somebody added to the vocabulary are none.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import tokenizers

from app.chat import Message, Scalar, without_system
from app.errors import InvalidError
from app.lm.text.chat_template import PLAIN_TEMPLATE, TEMPLATE_FILE, find_template, scored_template, shared_template
from app.lm.text.cutting import Cutter
from app.model_info.config_fields import read_object
from app.model_info.weights import unusable
from app.translation import _

TOKENIZER_CONFIG = "tokenizer_config.json"
TEXT_FILES = (TOKENIZER_CONFIG, "special_tokens_map.json", TEMPLATE_FILE)
RESERVED = ("messages", "add_generation_prompt", "tools", "documents")  # names that a template gets in any case
NO_VALUES: Mapping[str, Scalar] = {}
PRIVATE_USE = range(0xE000, 0xF8FF)
_ASKED: Message = {"role": "user", "content": "Where is the ladder?"}
_ANSWERED: Message = {"role": "assistant", "content": "Behind the shed."}
PROBES = ([_ASKED], [_ASKED, _ANSWERED, _ASKED])


class ImportedTokenizer:
    """Raises CheckpointError for damaged files and InvalidError for a template or tokenizer that cannot be used.

    `end_id` is what the template writes behind an answer; `end_ids` are all tokens that end one. `pad_id` is never
    one of them. `has_template` is False for a base model, which gets the plain format.
    """

    def __init__(self, directory: Path, backend: tokenizers.Tokenizer) -> None:
        self.backend = backend
        self._recognizer = Cutter(backend)
        self._plain = self._recognizer.without_added_tokens()
        self._files = {name: (directory / name).read_bytes() for name in TEXT_FILES if (directory / name).is_file()}
        config = _object_or_empty(directory / "tokenizer_config.json")
        self._generation = _object_or_empty(directory / "generation_config.json")
        named = special_texts(config)
        template = find_template(directory, config)
        self.has_template = template is not None
        self._written = PLAIN_TEMPLATE if template is None else template
        self._template = shared_template(self._written, json.dumps(named))
        self._reserved = frozenset({*RESERVED, *named})
        added = backend.get_added_tokens_decoder()
        self._special = {number for number, token in added.items() if token.special}
        self._marks = {
            token.content: number
            for number, token in added.items()
            if token.special or is_mark(token.content, self._written)
        }
        self.bos_id = self._id_of(named.get("bos_token"))
        listed = self._listed_ends(named, _object_or_empty(directory / "config.json"))
        self.end_id = self._find_end(directory, listed)
        self.end_ids = frozenset({self.end_id, *listed})
        self.pad_id = self._find_pad(named)

    # Special tokens

    def _id_of(self, text: str | None) -> int | None:
        return None if text is None else self.backend.token_to_id(text)

    def _listed_ends(self, named: Mapping[str, str], model: Mapping[str, Any]) -> list[int]:
        """Of generation_config.json, config.json and the tokenizer, those that are tokens."""
        listed: list[Any] = [self._id_of(named.get("eos_token"))]
        for ids in (self._generation.get("eos_token_id"), model.get("eos_token_id")):
            listed += ids if isinstance(ids, list) else [ids]
        whole = [each for each in listed if isinstance(each, int) and each >= 0]
        return [each for each in whole if self.backend.id_to_token(each) is not None]

    def _find_end(self, directory: Path, listed: Sequence[int]) -> int:
        """The first special token that the template writes behind an answer, else one that the files list."""
        written = self._template.render(PROBES[0] + [_ANSWERED], add_generation_prompt=False)
        behind = written.partition(_ANSWERED["content"])[2]
        ends = [each for each in self._recognizing(behind) if each in self._special]
        candidates: list[int] = [*ends[:1], *listed]
        if not candidates:
            raise unusable(directory / "tokenizer_config.json", "names no eos_token, so no answer could end")
        return candidates[0]

    def _find_pad(self, named: Mapping[str, str]) -> int:
        """Any token that ends no answer will do: padding is masked, but the reward model's end must be told from it."""
        wanted = [self._id_of(named.get(name)) for name in ("pad_token", "unk_token", "bos_token")]
        others: list[int | None] = [*wanted, *sorted(self._special), *range(self.backend.get_vocab_size())]
        return next(each for each in others if each is not None and each not in self.end_ids)

    @property
    def generation_config(self) -> dict[str, Any]:
        """As it was found, with our padding; without one, the special tokens alone."""
        bare = {"bos_token_id": self.bos_id, "eos_token_id": sorted(self.end_ids)}
        return (dict(self._generation) or bare) | {"pad_token_id": self.pad_id}

    def files(self, *, scored: bool) -> dict[str, bytes]:
        """What is saved beside tokenizer.json: as it was found, but padding is never a token that ends an answer (then
        transformers would look for the score of a padded row in the padding). `scored`: with a reward model's template.
        """
        files = dict(self._files)
        named = [name for name in TEXT_FILES if name != TEMPLATE_FILE and name in files]
        for name in named if self.pad_id in self._special else ():
            files[name] = _with_entries(files[name], pad_token=self.backend.id_to_token(self.pad_id))
        if scored:
            files[TEMPLATE_FILE] = scored_template(self._written, self._joint, self._end_text).encode()
            if TOKENIZER_CONFIG in files:
                files[TOKENIZER_CONFIG] = _with_entries(files[TOKENIZER_CONFIG], chat_template=None)
        return files

    # Text to tokens

    def encode(self, text: str) -> list[int]:
        """As plain characters, whatever stands in it (so that words added to the vocabulary are spelled, too)."""
        return self._plain.encode(text)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        return self._plain.encode_all(texts)

    @cached_property
    def begins_documents(self) -> bool:
        """Whether the tokenizer itself puts the bos token before every text."""
        return self.bos_id is not None and self.bos_id in self.backend.encode("").ids

    def encode_conversation(self, messages: Sequence[Message], values: Mapping[str, Scalar] = NO_VALUES) -> list[int]:
        """Ids ready for an answer. Raises InvalidError for a value that the template does not ask for, or that would
        write a control mark."""
        for name, value in values.items():
            asked_for = (
                name.isidentifier()
                and name not in self._reserved
                and re.search(rf"\b{re.escape(name)}\b", self._written)
            )
            if not asked_for or (isinstance(value, str) and self._has_marks(value)):
                said = _("{what} is not one that this model's chat template accepts. Leave it out.", what=repr(name))
                if asked_for:
                    said = _("{what} contains a special token of the model. Leave it out.", what=repr(name))
                raise InvalidError(said, param="chat_template_kwargs", code="invalid_value")
        return self._encoded(messages, partial(self._rendered, values=values))

    def encode_answered(self, messages: Sequence[Message], answer: str) -> list[int]:
        """What a reward model reads: the conversation, ready for an answer, the answer and the end mark."""
        return self._encoded([*messages, Message(role="assistant", content=answer)], self._rendered_answered)

    def _rendered(self, messages: Sequence[Message], values: Mapping[str, Scalar] = NO_VALUES) -> str:
        """By the template; where it refuses system text or leaves it out, that goes before the first question."""
        system = [place for place, message in enumerate(messages) if message["role"] == "system"]
        if system:
            with contextlib.suppress(InvalidError):
                written = self._template.render(messages, values)
                if all(self._is_written(messages, place, written, values) for place in system):
                    return written
        return self._template.render(without_system(messages), values)

    def _is_written(self, messages: Sequence[Message], place: int, written: str, values: Mapping[str, Scalar]) -> bool:
        """Whether a message stands in the rendering, be it in capitals or escaped: then another in its place shows."""
        message = messages[place]
        if message["content"].strip() in written:
            return True
        other = Message(role=message["role"], content=message["content"] + _ASKED["content"])
        return self._template.render([*messages[:place], other, *messages[place + 1 :]], values) != written

    def _rendered_answered(self, messages: Sequence[Message]) -> str:
        *before, last = messages
        answer = last["content"]
        return self._rendered(before) + (self._joint if answer else "") + answer + self._end_text

    @property
    def _end_text(self) -> str:
        return str(self.backend.id_to_token(self.end_id))

    @cached_property
    def _joint(self) -> str:
        """What parts an answer's text from the prompt's, so that its tokens are those of the answer alone:
        sentencepiece writes the space before a text into its first token."""
        prompt, answer = self._rendered(PROBES[0]), _ANSWERED["content"]
        wanted = [*self.encode_conversation(PROBES[0]), *self.encode(answer), self.end_id]
        spaced = self._recognizing(f"{prompt} {answer}{self._end_text}") == wanted
        return " " if spaced else ""

    def _encoded(self, messages: Sequence[Message], render: Callable[[Sequence[Message]], str]) -> list[int]:
        """Typed marks are put between two characters that occur nowhere, and what stands between these in the rendering
        is encoded as plain characters. One of the two without the other (a template may cut texts) still parts what is
        before it from what is behind."""
        if not any(self._has_marks(message["content"]) for message in messages):
            return self._recognizing(render(messages))
        begin, end = unused_characters("".join((self._written, *(message["content"] for message in messages))))
        marked: list[Message] = [
            {"role": message["role"], "content": self._mark_texts.sub(f"{begin}\\g<0>{end}", message["content"])}
            for message in messages
        ]
        parting = re.compile(f"({begin}[^{begin}{end}]*{end}|[{begin}{end}])")
        for message in marked:
            if any(self._has_marks(part) for part in parting.split(message["content"])[::2]):
                raise InvalidError(_("The text contains a special token of the model in disguise. Leave it out."))
        ids: list[int] = []
        for place, part in enumerate(parting.split(render(marked))):
            if text := part.strip(begin + end):
                ids += self._continued(text, typed=place % 2 == 1, first=not ids)
        return ids

    def _recognizing(self, text: str) -> list[int]:
        return self._recognizer.encode(text)

    def _continued(self, text: str, *, typed: bool, first: bool) -> list[int]:
        """Tokens of a part in the middle. Some tokenizers put a space before every text: a line end in front takes it,
        and is taken off again."""
        encode = self.encode if typed else self._recognizing
        before, whole = encode("\n"), encode("\n" + text)
        if first or whole[: len(before)] != before:
            return encode(text)
        return whole[len(before) :]

    def _has_marks(self, text: str) -> bool:
        return any(each in self._mark_ids for each in self._recognizing(text))

    @cached_property
    def _mark_ids(self) -> frozenset[int]:
        return frozenset(self._marks.values())

    @cached_property
    def _mark_texts(self) -> re.Pattern[str]:
        longest_first = sorted(self._marks, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    # At import

    def check(self) -> None:
        """Try the template and the tokenizer before anyone depends on them; raises InvalidError with the fault."""
        for conversation in PROBES:
            written = self._template.render(conversation)
            if any(message["content"] not in written for message in conversation if message["role"] == "user"):
                raise InvalidError(_("The model's chat template leaves out what people ask. Use a model with another."))
        for text in self._marks:
            if self._mark_ids & set(self.encode(text)):
                raise InvalidError(
                    _("The model's tokenizer reads a typed {text} as a special token. Use another model.", text=text)
                )


def is_mark(text: str, template: str) -> bool:
    """Of an added token that is not special: whether it steers the model (<think>, [INST], what the template writes),
    or is a word, or spaces."""
    return not text.isspace() and (text in template or (text[0], text[-1]) in (("<", ">"), ("[", "]")))


def special_texts(config: Mapping[str, Any]) -> dict[str, str]:
    """Every `…_token` of tokenizer_config.json with its text, as templates may ask for it."""
    texts: dict[str, str] = {}
    for name, value in config.items():
        text = value.get("content") if isinstance(value, dict) else value
        if name.endswith("_token") and isinstance(text, str):
            texts[name] = text
    return texts


def unused_characters(text: str) -> tuple[str, str]:
    """Two characters of the private use area that do not occur."""
    free: Iterable[str] = (chr(each) for each in PRIVATE_USE if chr(each) not in text)
    two = list(islice(free, 2))
    if len(two) < 2:
        raise InvalidError(
            _("The text contains every character of Unicode's private use area. Leave some of them out.")
        )
    return two[0], two[1]


def _with_entries(content: bytes, **entries: Any) -> bytes:
    """A JSON object with these entries; None takes one out."""
    kept = {name: value for name, value in (json.loads(content) | entries).items() if value is not None}
    return (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()


def _object_or_empty(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}
