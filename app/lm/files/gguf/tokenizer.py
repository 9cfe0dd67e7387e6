"""The tokenizer of a GGUF file as tokenizer.json and the files beside it, in the format of the `tokenizers` library.

Written as JSON and opened nowhere in here: a stranger's vocabulary is tried in a process of its own, by whoever imports
the folder (app/lm/text/cutting.py). How texts are cut is only named in a file; llama.cpp has the expressions
(src/llama-vocab.cpp), which are those of the models' own tokenizer.json.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gguf.constants import TokenType

from app.errors import InvalidError
from app.lm.files.gguf.header import Header, damaged
from app.translation import _

PREFIX = "tokenizer.ggml."
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Cut:
    """How a byte-level tokenizer cuts before it merges. `split`: an expression, or empty for GPT-2's own."""

    split: str = ""
    digits: bool = False
    """Each digit alone, first."""
    whole_words: bool = False
    """A word that is a token is not merged (`ignore_merges`)."""
    begins: bool = False
    """The token of the beginning goes before a text unless the file says otherwise."""
    normalizer: str | None = None


CUTS = {
    "gpt-2": Cut(),
    "smollm": Cut(digits=True),
    "llama-bpe": Cut(LLAMA3, whole_words=True, begins=True),
    "qwen2": Cut(QWEN2, normalizer="NFC"),
    "deepseek-r1-qwen": Cut(QWEN2),
    "tekken": Cut(TEKKEN, whole_words=True, begins=True),
}
# `…_token` of tokenizer_config.json, and the entry with its id.
NAMED = {"bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id", "pad": "padding_token_id"}
ENDS = ("eos_token_id", "eot_token_id", "eom_token_id")
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
SPACE = "▁"
LONGEST_TOKEN = 64  # characters, four times sentencepiece's own limit: each way to part one is looked at


class StoredTokenizer:
    """Raises InvalidError for a kind of tokenizer that is not read, CheckpointError for a damaged one."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._tokens = self._texts("tokens")
        self._kinds = self._entry("token_type", list) or [TokenType.NORMAL] * len(self._tokens)
        if len(self._kinds) != len(self._tokens):
            raise damaged(header.path, f"has {len(self._tokens)} tokens and {len(self._kinds)} of their types")
        used = [number for number, kind in enumerate(self._kinds) if kind != TokenType.UNUSED]
        self._vocab = {self._tokens[number]: number for number in used}
        if len(self._vocab) != len(used):
            raise damaged(header.path, "has two tokens with the same text")
        template = self._entry("chat_template", str, prefix="tokenizer.") or ""
        self.template: str | None = template if template.strip() else None

    def tokenizer_json(self) -> dict[str, Any]:
        kind = self._entry("model", str)
        if kind == "gpt2":
            parts, begins = self._byte_level()
        elif kind == "llama":
            parts, begins = self._sentencepiece()
        else:
            raise InvalidError(
                _(
                    "{name} has a tokenizer of the kind {kind}; supported are gpt2 and llama. Choose another model.",
                    name=self._header.path.name,
                    kind=ascii(kind)[:40],
                )
            )
        begins = self._header.values.get(PREFIX + "add_bos_token", begins)
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": self._added(),
            "post_processor": self._beginning() if begins else None,
            **parts,
        }

    def tokenizer_config(self, context: int) -> dict[str, Any]:
        ids = {name: self._id(entry) for name, entry in NAMED.items()}
        named = {f"{name}_token": self._tokens[number] for name, number in ids.items() if number is not None}
        return {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **named,
            "clean_up_tokenization_spaces": False,
            "model_max_length": context,
        }

    def special_ids(self) -> dict[str, Any]:
        """As config.json and generation_config.json name them: all tokens that end an answer."""
        ends = [number for number in map(self._id, ENDS) if number is not None]
        if not ends:
            raise damaged(self._header.path, "names no token that ends an answer (tokenizer.ggml.eos_token_id)")
        return {
            "bos_token_id": self._id("bos_token_id"),
            "eos_token_id": list(dict.fromkeys(ends)),
            "pad_token_id": self._id("padding_token_id"),
        }

    # Entries

    def _entry(self, name: str, kind: type, *, prefix: str = PREFIX) -> Any:
        value = self._header.values.get(prefix + name)
        if value is not None and not isinstance(value, kind):
            raise damaged(self._header.path, f"has a {prefix}{name} of another type")
        return value

    def _texts(self, name: str) -> list[str]:
        listed: list[str] | None = self._entry(name, list)
        if not listed or not all(isinstance(each, str) for each in listed):
            raise damaged(self._header.path, f"has no list {PREFIX}{name}")
        return listed

    def _id(self, name: str) -> int | None:
        number: int | None = self._entry(name, int)
        if number is not None and not 0 <= number < len(self._tokens):
            raise damaged(self._header.path, f"has a {PREFIX}{name} ({number}) that is none of its tokens")
        return number

    # Parts of tokenizer.json

    def _added(self) -> list[dict[str, Any]]:
        """Tokens that are found in a text before it is cut."""
        special = (TokenType.CONTROL, TokenType.UNKNOWN)
        return [
            {
                "id": number, "content": self._tokens[number], "special": kind in special,
                "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            }
            for number, kind in enumerate(self._kinds)
            if self._tokens[number] and kind in (*special, TokenType.USER_DEFINED)
        ]  # fmt: skip

    def _beginning(self) -> dict[str, Any]:
        number = self._id("bos_token_id")
        if number is None:
            raise damaged(self._header.path, "begins texts with a token that it does not name")
        text = self._tokens[number]
        token, first, second = {"SpecialToken": {"id": text, "type_id": 0}}, _sequence("A", 0), _sequence("B", 1)
        return {
            "type": "TemplateProcessing",
            "single": [token, first],
            "pair": [token, first, {"SpecialToken": {"id": text, "type_id": 1}}, second],
            "special_tokens": {text: {"id": text, "ids": [number], "tokens": [text]}},
        }

    def _byte_level(self) -> tuple[dict[str, Any], bool]:
        name = self._entry("pre", str)
        if name not in CUTS:
            raise InvalidError(
                _(
                    "{name} cuts texts in a way that is not known here (tokenizer.ggml.pre: {kind}); supported are "
                    "{kinds}. Choose another model, or a newer file of this one.",
                    name=self._header.path.name,
                    kind=ascii(name)[:40],
                    kinds=", ".join(CUTS),
                )
            )
        cut = CUTS[name]
        merges = [merge.split(" ") for merge in self._texts("merges")]
        if any(len(pair) != 2 for pair in merges):
            raise damaged(self._header.path, "has a merge that is not one of two tokens")
        return {
            "normalizer": cut.normalizer and {"type": cut.normalizer},
            "pre_tokenizer": pre_tokenizer_of(cut),
            "decoder": {**BYTE_LEVEL, "use_regex": True},
            "model": self._model(merges, ignore_merges=cut.whole_words),
        }, cut.begins

    def _sentencepiece(self) -> tuple[dict[str, Any], bool]:
        """A space goes before each text that no token stands before, as llama.cpp and Llama 2's own tokenizer have
        it."""
        spaced = self._header.values.get(PREFIX + "add_space_prefix", True)
        steps: list[dict[str, Any]] = [{"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]
        back: list[dict[str, Any]] = [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ]
        if spaced:
            steps.insert(0, {"type": "Prepend", "prepend": SPACE})
            back.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
        unknown = self._id("unknown_token_id")
        return {
            "normalizer": {"type": "Sequence", "normalizers": steps},
            "pre_tokenizer": None,
            "decoder": {"type": "Sequence", "decoders": back},
            "model": self._model(
                self._merges_by_score(),
                byte_fallback=True,
                fuse_unk=True,
                unk_token=None if unknown is None else self._tokens[unknown],
            ),
        }, True

    def _model(self, merges: Sequence[Sequence[str]], **more: Any) -> dict[str, Any]:
        plain = {"dropout": None, "unk_token": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
        affixes = {"continuing_subword_prefix": None, "end_of_word_suffix": None}
        return {"type": "BPE", **plain, **affixes, **more, "vocab": self._vocab, "merges": list(merges)}

    def _merges_by_score(self) -> list[list[str]]:
        """Sentencepiece joins the two neighbours whose joint token has the highest score: each way to part a token in
        two tokens is a merge, in the order of the scores (as transformers' `generate_merges`)."""
        scores = self._entry("scores", list)
        numbers = scores is not None and all(isinstance(score, int | float) for score in scores)
        if not numbers or len(scores) != len(self._tokens):
            raise damaged(self._header.path, "has tokens without scores (tokenizer.ggml.scores)")
        parts = {
            text: number
            for text, number in self._vocab.items()
            if len(text) <= LONGEST_TOKEN and self._kinds[number] in (TokenType.NORMAL, TokenType.USER_DEFINED)
        }
        found = [
            (-scores[number], -cut, cut - len(text), text[:cut], text[cut:])
            for text, number in parts.items()
            for cut in range(1, len(text))
            if text[:cut] in parts and text[cut:] in parts
        ]
        found.sort(key=lambda merge: merge[:3])
        return [[left, right] for *_order, left, right in found]


def pre_tokenizer_of(cut: Cut) -> dict[str, Any]:
    """As tokenizer.json has it."""
    steps: list[dict[str, Any]] = [{**BYTE_LEVEL, "use_regex": not cut.split}]
    if cut.split:
        steps.insert(0, {"type": "Split", "pattern": {"Regex": cut.split}, "behavior": "Isolated", "invert": False})
    if cut.digits:
        steps.insert(0, {"type": "Digits", "individual_digits": True})
    return steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}


def _sequence(name: str, kind: int) -> Mapping[str, Any]:
    return {"Sequence": {"id": name, "type_id": kind}}
