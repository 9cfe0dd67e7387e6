"""Byte-level BPE for English and Chinese, and the one text format of the project. Knows nothing of tensors.

A conversation is `<|bos|><|user|>{text}<|assistant|>{text}<|end|>...`. Special tokens are put in by this module only:
text from a person is encoded with them switched off, so `<|end|>` typed by someone stays plain text.
"""

import codecs
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, trainers

from app.chat import Message

__all__ = ["SPECIAL_TOKENS", "IncrementalDecoder", "Message", "Tokenizer", "train_tokenizer"]

SPECIAL_TOKENS = ("<|pad|>", "<|bos|>", "<|user|>", "<|assistant|>", "<|end|>")
# Chinese runs, words with the space before them, single digits, punctuation, line ends, spaces. Han characters are
# split from Latin letters so that mixed text gives the same tokens as plain text.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{Han}+|[^\r\n\p{L}\p{N}]?[\p{L}&&[^\p{Han}]]+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
MAX_TOKEN_BYTES = 16  # longest token: five Chinese characters; longer ones would swallow whole stock phrases
CHAT_TEMPLATE = (
    "{{ '<|bos|>' }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '<|user|>' + message['content'] }}"
    "{% else %}{{ '<|assistant|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def _clean(text: str) -> str:
    """Lone surrogates (broken clipboard text) cannot be UTF-8; they become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Tokenizer:
    """Wraps `tokenizers.Tokenizer` with the text format; ids 0..4 are the special tokens, in order."""

    pad_id, bos_id, user_id, assistant_id, end_id = range(5)

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        found = [backend.token_to_id(token) for token in SPECIAL_TOKENS]
        if found != list(range(len(SPECIAL_TOKENS))):
            raise ValueError(f"special tokens have the ids {found}, not 0 to {len(SPECIAL_TOKENS) - 1}")
        backend.encode_special_tokens = True  # `<|end|>` in a person's text is nine characters, not a token
        self.backend = backend

    @property
    def vocab_size(self) -> int:
        return int(self.backend.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        return list(self.backend.encode(_clean(text), add_special_tokens=False).ids)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Many texts at once, on all cores."""
        cleaned = [_clean(text) for text in texts]
        return [list(found.ids) for found in self.backend.encode_batch_fast(cleaned, add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids without special tokens; broken UTF-8 becomes the replacement character."""
        return str(self.backend.decode(list(ids), skip_special_tokens=True))

    def encode_conversation(self, messages: Sequence[Message]) -> list[int]:
        """Ids that end with `<|assistant|>`, ready for an answer."""
        ids = [self.bos_id]
        for message in messages:
            if message["role"] == "user":
                ids += [self.user_id, *self.encode(message["content"])]
            else:
                ids += [self.assistant_id, *self.encode(message["content"]), self.end_id]
        return [*ids, self.assistant_id]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each token alone, special tokens by name: for pages that show tokens."""
        return [SPECIAL_TOKENS[token] if token < len(SPECIAL_TOKENS) else self.decode([token]) for token in ids]

    def save(self, directory: Path) -> None:
        """tokenizer.json and what transformers' AutoTokenizer wants beside it."""
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
        self.backend.save(str(directory / "tokenizer.json"))
        for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (directory / name).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "Tokenizer":
        text = (directory / "tokenizer.json").read_text(encoding="utf-8")
        return cls(tokenizers.Tokenizer.from_str(text))


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


def _byte_alphabet() -> dict[str, int]:
    """Byte-level BPE writes each byte as one printable character (GPT-2's table); this is the way back."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}


BYTE_OF = _byte_alphabet()


class IncrementalDecoder:
    """Turns tokens into text as they come, holding back the bytes of a character that is not all there yet: a Chinese
    character may span several tokens, and a token may end in the middle of the next one."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._backend = tokenizer.backend
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token: int) -> str:
        """The new text; empty while a character is incomplete. Special tokens have none."""
        if token < len(SPECIAL_TOKENS):
            return ""
        written = self._backend.id_to_token(token) or ""
        return self._decoder.decode(bytes(BYTE_OF[character] for character in written))

    def flush(self) -> str:
        """What was held back, at the end of an answer: broken characters become the replacement character."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
