"""Byte-level BPE for English and Chinese, and the text format of the models trained here; imported models bring their
own (imported_tokenizer.py) behind the same class. Knows nothing of tensors.

A conversation is `<|bos|><|user|>{text}<|assistant|>{text}<|end|>...`. Special tokens are put in by this module only:
text from a person is encoded with them switched off, so `<|end|>` typed by someone stays plain text.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers

from app.chat import Message, Scalar, without_system
from app.errors import InvalidError
from app.lm.text.cutting import SPLIT, Cutter, decoded
from app.lm.text.end_tokens import EndTokens
from app.lm.text.imported_tokenizer import NO_VALUES, ImportedTokenizer
from app.translation import _

SPECIAL_TOKENS = ("<|pad|>", "<|bos|>", "<|user|>", "<|assistant|>", "<|end|>")
OWN_IDS: dict[str, int | None] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 4}  # as config.json names them
WORD_START = "▁"  # how sentencepiece writes a space
BYTE_TOKEN = re.compile("<0x[0-9A-Fa-f]{2}>")  # and a byte that is in no token
BROKEN = "\ufffd"
MAX_TOKEN_BYTES = 16  # longest token: five Chinese characters; longer ones would swallow whole stock phrases
CHAT_TEMPLATE = (
    "{% set ns = namespace(system='') %}{% for message in messages if message['role'] == 'system' %}"
    "{% set ns.system = ns.system + message['content'] + '\\n' %}{% endfor %}"
    "{{ '<|bos|>' }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<|user|>' + ns.system + message['content'] }}{% set ns.system = '' %}"
    "{% elif message['role'] == 'assistant' %}{{ '<|assistant|>' + message['content'] + '<|end|>' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def _clean(text: str) -> str:
    """Lone surrogates (broken clipboard text) cannot be UTF-8; they become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cleaned(messages: Sequence[Message]) -> list[Message]:
    return [{"role": message["role"], "content": _clean(message["content"])} for message in messages]


class Tokenizer:
    """Wraps `tokenizers.Tokenizer` with a text format: this project's own, where ids 0..4 are the special tokens in
    order, or that of an imported model (`imported`), which has no user_id and assistant_id.

    `end_id` is the token that is written behind an answer, `end_ids` all that end one, `ends` both; bos_id is None
    where a model has none.
    """

    pad_id: int
    bos_id: int | None
    user_id: int | None
    assistant_id: int | None
    end_id: int

    def __init__(self, backend: tokenizers.Tokenizer, imported: ImportedTokenizer | None = None) -> None:
        self.backend, self.imported = backend, imported
        self.bytes_of: dict[int, bytes] = {}  # filled by token_bytes.py
        backend.no_truncation()
        backend.no_padding()
        if imported is not None:
            self.pad_id, self.bos_id, self.end_id = imported.pad_id, imported.bos_id, imported.end_id
            self.user_id = self.assistant_id = None
            self.end_ids = imported.end_ids
            return
        if not has_own_format(backend):
            ids = [backend.token_to_id(token) for token in SPECIAL_TOKENS]
            raise ValueError(f"special tokens have the ids {ids}, not 0 to {len(SPECIAL_TOKENS) - 1}")
        backend.encode_special_tokens = True  # `<|end|>` in a person's text is nine characters, not a token
        self.pad_id, self.bos_id, self.user_id, self.assistant_id, self.end_id = range(len(SPECIAL_TOKENS))
        self.end_ids = frozenset({self.end_id})
        self._cutter = Cutter(backend)

    @property
    def ends(self) -> EndTokens:
        return EndTokens(self.end_id, self.end_ids)

    @cached_property
    def vocab_size(self) -> int:
        """The largest id and one."""
        return max(self.backend.get_vocab().values(), default=-1) + 1

    @cached_property
    def byte_level(self) -> bool:
        """Whether a token is written as a character for each byte."""
        decoder = self.backend.decoder
        return decoder is not None and b'"ByteLevel"' in decoder.__getstate__()

    @cached_property
    def special_texts(self) -> dict[int, str]:
        """What a special token is called; in decoded text it is nothing."""
        return {
            number: token.content for number, token in self.backend.get_added_tokens_decoder().items() if token.special
        }

    @property
    def special_ids(self) -> dict[str, int | None]:
        """As config.json names them."""
        return {"pad_token_id": self.pad_id, "bos_token_id": self.bos_id, "eos_token_id": self.end_id}

    @property
    def generation_config(self) -> dict[str, Any]:
        """What generation_config.json says."""
        if self.imported is not None:
            return self.imported.generation_config
        ids = {"bos_token_id": self.bos_id, "eos_token_id": self.end_id, "pad_token_id": self.pad_id}
        return {**ids, "do_sample": True, "temperature": 1.0}

    def encode(self, text: str) -> list[int]:
        """As plain characters: nothing in it becomes a special token."""
        if self.imported is not None:
            return self.imported.encode(_clean(text))
        return self._cutter.encode(_clean(text))

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Many texts at once, on all cores."""
        cleaned = [_clean(text) for text in texts]
        if self.imported is not None:
            return self.imported.encode_all(cleaned)
        return self._cutter.encode_all(cleaned)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids without special tokens; broken UTF-8 becomes the replacement character."""
        return decoded(self.backend, ids)

    def encode_document(self, text: str) -> list[int]:
        """Ids of a text to go on with, as in pretraining: no chat format, but the mark at a document's beginning."""
        begins = self.bos_id is not None and (self.imported is None or self.imported.begins_documents)
        return [*([self.bos_id] if begins and self.bos_id is not None else []), *self.encode(text)]

    def encode_conversation(self, messages: Sequence[Message], values: Mapping[str, Scalar] = NO_VALUES) -> list[int]:
        """Ids ready for an answer: they end with `<|assistant|>`, or as the imported model's template has it. Where the
        format has no system role, system text goes before the first question. `values` are for the model's chat
        template: InvalidError for one that it does not ask for."""
        if self.imported is not None:
            return self.imported.encode_conversation(_cleaned(messages), values)
        if values:
            raise InvalidError(
                _("This model's chat format takes no {what}. Leave it out.", what=repr(next(iter(values)))),
                param="chat_template_kwargs",
                code="unsupported_parameter",
            )
        pad, bos, user, assistant, end = range(len(SPECIAL_TOKENS))
        del pad
        ids = [bos]
        for message in without_system(messages):
            if message["role"] == "user":
                ids += [user, *self.encode(message["content"])]
            else:
                ids += [assistant, *self.encode(message["content"]), end]
        return [*ids, assistant]

    def encode_answered(self, messages: Sequence[Message], answer: str) -> list[int]:
        """What a reward model reads of an answer that is given as text; ends with `end_id`. transformers makes the same
        ids from the reward model's directory (`apply_chat_template`)."""
        if self.imported is not None:
            return self.imported.encode_answered(_cleaned(messages), _clean(answer))
        return [*self.encode_conversation(messages), *self.encode(answer), self.end_id]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each token alone, special tokens by name: for pages that show tokens."""
        return [self.special_texts.get(token) or self._piece(token) for token in ids]

    def _piece(self, token: int) -> str:
        """Some decoders take a text's first space off, which for a token alone is its own."""
        text = self.decode([token])
        spaced = (self.backend.id_to_token(token) or "").startswith(WORD_START)
        return " " + text if spaced and not text.startswith(" ") else text

    def save(self, directory: Path, *, scored: bool = False) -> None:
        """tokenizer.json and what transformers' AutoTokenizer wants beside it; of an imported model as it was found but
        for the padding. `scored`: for a reward model, whose chat template ends an answer with `end_id`."""
        self.backend.save(str(directory / "tokenizer.json"))
        if self.imported is not None:
            for name, content in self.imported.files(scored=scored).items():
                (directory / name).write_bytes(content)
            return
        pad, bos, user, assistant, end = SPECIAL_TOKENS
        named = {"bos_token": bos, "eos_token": end, "pad_token": pad}
        config: dict[str, Any] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **named,
            "additional_special_tokens": [user, assistant],
            "chat_template": CHAT_TEMPLATE,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 512,
            "padding_side": "left",
        }
        special = {**named, "additional_special_tokens": [user, assistant]}
        for name, entries in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
            text = json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
            (directory / name).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "Tokenizer":
        text = (directory / "tokenizer.json").read_text(encoding="utf-8")
        backend = tokenizers.Tokenizer.from_str(text)
        return cls(backend, None if has_own_format(backend) else ImportedTokenizer(directory, backend))


def has_own_format(backend: tokenizers.Tokenizer) -> bool:
    return [backend.token_to_id(token) for token in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Learn merges from the texts. All 256 bytes are in the vocabulary, so that any text can be encoded."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=MAX_TOKEN_BYTES,
        show_progress=False,
    )
    backend.train_from_iterator((_clean(text) for text in texts), trainer)
    return Tokenizer(backend)


class IncrementalDecoder:
    """Turns tokens into text as they come, holding back what a later token may still change: a Chinese character may
    span several tokens, and a token may end in the middle of the next one. Together the pieces are what
    `Tokenizer.decode` gives (tokenizers' own DecodeStream stops at bytes that are no character).

    Decoded are the tokens that are not told yet, behind the last ones that were: some decoders write a token's space
    only behind another one.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._told = 0  # the first of them, which have been told

    def push(self, token: int) -> str:
        """The new text; empty while a character is incomplete. Special tokens have none."""
        if token in self._tokenizer.special_texts:
            return ""
        self._ids.append(token)
        if BYTE_TOKEN.fullmatch(self._tokenizer.backend.id_to_token(token) or ""):
            return ""  # a run of such tokens is one character or broken ones: its end decides
        whole = self._tokenizer.decode(self._ids)
        if whole.endswith(BROKEN):
            return ""
        fresh = whole[len(self._tokenizer.decode(self._ids[: self._told])) :]
        self._ids, self._told = self._ids[self._told :], len(self._ids) - self._told
        return fresh

    def flush(self) -> str:
        """What was held back, at the end of an answer: broken characters become the replacement character."""
        fresh = self._tokenizer.decode(self._ids)[len(self._tokenizer.decode(self._ids[: self._told])) :]
        self._ids, self._told = [], 0
        return fresh
