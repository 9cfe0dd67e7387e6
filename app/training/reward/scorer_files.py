"""A reward version's scorers as files, beside the student that transformers opens (network.py).

`scorer.safetensors` holds columns and heads, `scorer.json` says which SFT version's files they read with: a folder
beside the version's own, known by its content hash.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from app.formats.strict_json import to_json
from app.lm.files.checkpoint import load_model, read_tokenizer
from app.model_info.scorer_format import FORMAT, check_scorer_format
from app.model_info.weights import SCORER, SCORER_TENSORS, CheckpointError, content_hash, unusable, verify_checksums
from app.training.reward.columns import Columns
from app.training.reward.preference_scorer import PARTS, Head, Part, PreferenceScorer
from app.training.reward.reading import Reader
from app.training.reward.words import Words
from app.translation import N_, _

TOKENS, OF_TOKENIZER = "tokens", "tokenizer"  # what makes a word: a token, or the text of several
REMOVED = N_(
    "The SFT model that this reward model reads with ({folder}) is not there any more. Train a reward model again."
)
CHANGED = N_("This reward model reads with another SFT model than the one in {folder}. Train a reward model again.")


@dataclass(frozen=True)
class Source:
    """The SFT version that reads: its folder's name and its content hash."""

    folder: str
    content_hash: str


def has_scorers(directory: Path) -> bool:
    """Versions of before have a network alone: they go on scoring by that."""
    return (directory / SCORER).is_file()


def write_scorers(directory: Path, scorers: dict[Part, PreferenceScorer], source: Source) -> None:
    """They share reader and columns."""
    whole = scorers["whole"]
    tensors = whole.columns.tensors()
    for part, scorer in scorers.items():
        if part != "whole" and scorer.head.mean is whole.head.mean:
            continue  # too few prompts for several: the whole one stands for all
        tensors |= {f"{part}.{name}": tensor for name, tensor in scorer.head.tensors().items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, directory / SCORER_TENSORS)
    reader = whole.reader
    content = {
        "format": FORMAT,
        "reads_with": {"folder": source.folder, "content_hash": source.content_hash},
        "blank": list(reader.blank),
        "stops": sorted(reader.stops),
        "words": TOKENS if reader.words.are_tokens else OF_TOKENIZER,
    }
    (directory / SCORER).write_text(to_json(content, indent=2) + "\n", encoding="utf-8")


def load_scorers(directory: Path) -> dict[Part, PreferenceScorer]:
    """Raises CheckpointError where a file is damaged, or the SFT model that reads is not there or another one."""
    verify_checksums(directory)
    described = _described(directory / SCORER)
    sft = directory.parent / Path(str(described["reads_with"]["folder"])).name
    if not sft.is_dir():
        raise CheckpointError(_(REMOVED, folder=sft.name))
    if content_hash(sft) != described["reads_with"]["content_hash"]:
        raise CheckpointError(_(CHANGED, folder=sft.name))
    words = Words() if described["words"] == TOKENS else Words.of_tokenizer(read_tokenizer(directory))
    reader = Reader(load_model(sft)[0], described["blank"], frozenset(described["stops"]), words)
    try:
        tensors = load_file(directory / SCORER_TENSORS)
        columns = Columns.from_tensors(tensors)
        heads: dict[Part, Head] = {}
        for part in PARTS:
            own = {name.removeprefix(f"{part}."): each for name, each in tensors.items() if name.startswith(f"{part}.")}
            heads[part] = Head.from_tensors(own) if own or part == "whole" else heads["whole"]
    except (KeyError, ValueError, OSError) as error:
        raise unusable(directory / SCORER_TENSORS, f"cannot be read ({error})") from error
    return {part: PreferenceScorer(reader, columns, head) for part, head in heads.items()}


def _described(path: Path) -> dict[str, Any]:
    check_scorer_format(path.parent)
    try:
        described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if described["format"] != FORMAT:
            raise ValueError(f"format {described['format']}")
        named = described["reads_with"]["folder"], described["reads_with"]["content_hash"], described["words"]
        if not all(isinstance(each, str) for each in named):
            raise ValueError("reads_with or words")
        described["blank"], described["stops"] = (
            [int(token) for token in described[key]] for key in ("blank", "stops")
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise unusable(path, f"cannot be read ({error})") from error
    return described
