"""Splits text into tokens in bounded time and memory, whoever wrote the tokenizer.

A tokenizer.json holds regular expressions of a stranger, and Oniguruma, which runs them, may need hours for a short
text. So a whole tokenizer is tried at import, on texts that are hard to cut; afterwards each text is cut in a process
of its own before it is cut here, by the same normalizer and splits (there without the vocabulary). Decoders run for
every piece of every answer: they may hold nothing that could take long.
"""

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import tokenizers

from app.errors import InvalidError
from app.lm.text.sandbox import RefusedError, Sandbox
from app.model_info.weights import unusable
from app.translation import N_, _

# How the models trained here cut: Chinese runs, words with the space before them, single digits, punctuation, line
# ends, spaces. Han characters are split from Latin letters so that mixed text gives the same tokens as plain text.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|\p{Han}+|[^\r\n\p{L}\p{N}]?[\p{L}&&[^\p{Han}]]+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PROGRAM = "cutting_process.py"
CANNOT_READ = N_(
    "The model's tokenizer cannot read this text: {error}. Change the text, or use a model with another tokenizer."
)
CANNOT_WRITE = N_(
    "The model's tokenizer cannot write this answer: {error}. Ask something else, or use a model with another "
    "tokenizer."
)
KEPT = 4  # tokenizers with a process: versions that descend from one model share theirs
# Parts that take time and memory as the text is long, whatever else they say.
BOUNDED = frozenset(
    (
        "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "Strip", "StripAccents", "BertNormalizer",
        "ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit", "BertPreTokenizer", "Punctuation", "Digits",
        "CharDelimiterSplit", "UnicodeScripts", "FixedLength", "ByteFallback", "Fuse", "WordPiece", "BPEDecoder", "CTC",
    )
)  # fmt: skip
MOST_PREPENDED = 16
MODEL_WITHOUT_WORDS = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
RUNS = ("a", "A", "1", " ", "\n", "\t", "!", "'", "字", "é", "a ", "aA", "a1", "1.", " \n", "\r\n", "字a", "word ")
OPENED_RUNS = ("a", "1", " ")
MOST_LETTERS = 100  # that a tokenizer's expressions name, each tried as a run


class Cutter:
    """A tokenizer's `encode`, without special tokens. Raises InvalidError for a text that cannot be cut within bounds,
    and at once for a decoder that could take long."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        check_decoder(backend)
        self._backend, self._plain = backend, False
        bounded = all(map(_bounded, _parts([_state(backend.normalizer), _state(backend.pre_tokenizer)])))
        self._trial = None if bounded else _shared_trial(_without_vocabulary(backend))

    def without_added_tokens(self) -> "Cutter":
        """One around the same model, which decides alone: no added token is looked for."""
        plain = tokenizers.Tokenizer(self._backend.model)
        for name in ("normalizer", "pre_tokenizer", "decoder"):
            if (part := getattr(self._backend, name)) is not None:
                setattr(plain, name, part)
        other = copy.copy(self)
        other._backend, other._plain = plain, True
        return other

    def encode(self, text: str) -> list[int]:
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Many texts at once, on all cores, while other threads go on (`tokenizers.encode` holds Python's lock)."""
        with _told(CANNOT_READ):
            if self._trial is not None:
                for text in texts:
                    self._trial.ask({"text": text, "plain": self._plain})
            encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [list(each.ids) for each in encodings]


def decoded(backend: tokenizers.Tokenizer, ids: Sequence[int]) -> str:
    """Text of the ids without special tokens."""
    with _told(CANNOT_WRITE):
        return str(backend.decode(list(ids), skip_special_tokens=True))


def check_decoder(backend: tokenizers.Tokenizer) -> None:
    """Raises InvalidError with the part that could take long."""
    for part in _parts(_state(backend.decoder)):
        if not _bounded(part):
            raise InvalidError(
                _(
                    "The tokenizer's decoder has a part ({part} with {get}) that could take long or write texts "
                    "without end, at every piece of every answer. Use a model with another tokenizer.",
                    part=part["type"],
                    get=part.get("pattern"),
                )
            )


def try_tokenizer(path: Path, characters: int) -> None:
    """Opens and tries a tokenizer.json that nobody has looked at, in a process of its own, on texts of this length.
    Raises InvalidError for what takes too long, and CheckpointError for what cannot be opened."""
    written = path.read_text(encoding="utf-8")
    process = Sandbox(N_("tokenizer"), PROGRAM, {"tokenizer": written})
    text = ""
    try:
        for text in ("", *hard_texts(_letters(json.loads(written)), characters)):
            process.ask({"text": text, "plain": False})
    except RefusedError as error:
        if not text:
            raise unusable(path, f"cannot be read ({error})") from error
        raise InvalidError(
            _(
                "The model's tokenizer cannot split a text of {n} characters ({text} and so on): {error}. A "
                "regular expression in its tokenizer.json may be the cause. Use a model with another "
                "tokenizer.",
                n=f"{len(text):,}",
                text=repr(text[:8]),
                error=error,
            )
        ) from error
    finally:
        process.close()


def hard_texts(letters: Sequence[str], characters: int) -> Iterator[str]:
    """Long runs, and behind them what lets an expression fail that has read the whole run: where it may be cut at many
    places, all are tried."""
    tail = "! " + "".join(letters)
    runs = [("", run) for run in dict.fromkeys((*RUNS, *letters))]
    for begin, run in runs + [(letter, run) for letter in letters for run in OPENED_RUNS]:
        for end in ("", tail[: characters // 2]):
            yield begin + (run * characters)[: characters - len(begin) - len(end)] + end


def _letters(content: Any) -> list[str]:
    """Characters that the expressions in a tokenizer.json name."""
    patterns = [str(part["Regex"]) for part in _objects(content) if "Regex" in part]
    return sorted(set("".join(patterns)))[:MOST_LETTERS]


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _objects(each)


def _parts(settings: Any) -> Iterator[Mapping[str, Any]]:
    return (each for each in _objects(settings) if "type" in each)


def _bounded(part: Mapping[str, Any]) -> bool:
    """Whether time and size of what a part does are bounded by the text's length, whatever the text."""
    pattern = part.get("pattern")
    literal = pattern["String"] if isinstance(pattern, Mapping) and "String" in pattern else ""
    if part["type"] == "Replace":  # one that lengthens the text, and then another one, and so on
        return 0 < len(literal) >= len(part["content"])
    if part["type"] == "Split":
        return bool(literal) or pattern == {"Regex": SPLIT}
    if part["type"] == "Prepend":
        return len(part["prepend"]) <= MOST_PREPENDED
    return part["type"] in BOUNDED


def _state(part: Any) -> Any:
    """A part of a tokenizer as tokenizer.json has it."""
    return None if part is None else json.loads(part.__getstate__())


def _without_vocabulary(backend: tokenizers.Tokenizer) -> str:
    """As tokenizer.json: what cuts a text into words as this tokenizer does, without its vocabulary."""
    added = [
        {"id": number, **token.__getstate__()}
        for number, token in backend.get_added_tokens_decoder().items()
        if not (token.special and backend.encode_special_tokens)
    ]
    parts = {"normalizer": _state(backend.normalizer), "pre_tokenizer": _state(backend.pre_tokenizer)}
    rest = {"version": "1.0", "post_processor": None, "decoder": None, "model": MODEL_WITHOUT_WORDS}
    return json.dumps({**rest, "added_tokens": added, **parts})


@lru_cache(maxsize=KEPT)
def _shared_trial(written: str) -> Sandbox:
    """The same process for all versions that cut in the same way."""
    return Sandbox(N_("tokenizer"), PROGRAM, {"tokenizer": written})


@contextlib.contextmanager
def _told(said: str) -> Iterator[None]:
    """What the library raises, as this sentence. It raises bare exceptions, and Rust's panics are not even those."""
    try:
        yield
    except BaseException as error:
        if type(error) not in (RefusedError, Exception) and type(error).__name__ != "PanicException":
            raise
        raise InvalidError(_(said, error=error)) from error
