"""Imports somebody else's model, a directory or a GGUF file: checked as a whole first, then copied, whole or not at
all.

Knows files and tensors, no versions' rows. Only files that a model needs are copied: no pickle, no program.
"""

import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from app.chat import Message
from app.errors import InvalidError
from app.lm.files.checkpoint import check_directory, check_memory, load_model, readable_tokenizer, write_checksums
from app.lm.files.families import read_config
from app.lm.files.gguf.folder import write_folder
from app.lm.files.gguf.header import damaged
from app.lm.files.weight_files import weight_paths
from app.lm.model import Llama
from app.lm.text.chat_template import PLAIN_TEMPLATE, TEMPLATE_FILE
from app.lm.text.cutting import try_tokenizer
from app.lm.text.tokenizer import Tokenizer
from app.model_info.card import card_languages
from app.model_info.model_names import file_name, folder_name
from app.model_info.weights import (
    MODEL_FILES,
    WEIGHTS,
    WEIGHTS_INDEX,
    CheckpointError,
    atomic_directory,
    content_hash,
    unusable,
)
from app.translation import _

PROBE: Message = {"role": "user", "content": "Hello"}
LEAST_ANSWER = 32
"""Tokens that must fit behind it."""


@dataclass(frozen=True)
class ImportedModel:
    """`plain_format`: it came without a chat template (a base model) and reads "User: …", "Assistant:"."""

    name: str
    model_type: str
    parameters: int
    context_tokens: int
    plain_format: bool
    languages: list[str] | None
    """What it is for, as far as somebody said."""
    content_hash: str

    @property
    def metrics(self) -> dict[str, Any]:
        """What a version's row keeps of it: where it came from."""
        fields = asdict(self)
        del fields["content_hash"]
        if fields["languages"] is None:
            del fields["languages"]
        return {"imported_from": fields.pop("name"), **fields}


def import_file(
    source: Path,
    target: Path,
    *,
    prompt_characters: int = 2_000,
    languages: Collection[str] = (),
    plain: bool = False,
) -> ImportedModel:
    """Of a GGUF file, whose weights become fp32 where fewer bits would not keep them. As import_directory, and
    InvalidError for a file without a chat template that is not expected to be `plain`; `languages` are by default those
    that the file names. Needs room for one copy of the weights beside `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as folder:
        named = write_folder(source, Path(folder), plain=plain)
        try:
            imported = import_directory(
                Path(folder),
                target,
                prompt_characters=prompt_characters,
                languages=languages or named,
                take=shutil.move,
            )
        except CheckpointError as error:
            raise damaged(source, f"makes no model that can be used: {error.fault}") from error
    return replace(imported, name=file_name(source))


def import_directory(
    source: Path,
    target: Path,
    *,
    prompt_characters: int = 2_000,
    languages: Collection[str] = (),
    take: Callable[[Path, Path], object] = shutil.copyfile,
) -> ImportedModel:
    """Raises CheckpointError for what is missing or damaged and InvalidError for what is not supported; then, and after
    a crash, `target` is as it was. Needs the memory of one copy of the weights in float32; UnavailableError where it is
    not free. `prompt_characters`: the longest prompt that people may type, which the tokenizer must cut quickly.
    `languages`: what it is for; by default what its README.md's front matter says. `take` brings a file to its new
    place."""
    check_directory(source)
    config = read_config(source)  # what is of another family is told so, whatever else is wrong
    check_memory(config, folder_name(source))
    with readable_tokenizer(source) as path:
        try_tokenizer(path, prompt_characters)
    model, tokenizer = load_model(source)
    if tokenizer.imported is not None:
        tokenizer.imported.check()
    _check_context(model, tokenizer)
    _check_numbers(source, model, tokenizer)
    plain = tokenizer.imported is not None and not tokenizer.imported.has_template
    with atomic_directory(target) as fresh:
        for path in files_of(source):
            take(path, fresh / path.name)
        if plain:
            (fresh / TEMPLATE_FILE).write_text(PLAIN_TEMPLATE, encoding="utf-8")
        write_checksums(fresh)
    return ImportedModel(
        name=folder_name(source),
        model_type=model.config.model_type,
        parameters=sum(weight.numel() for weight in model.parameters()),
        context_tokens=model.config.context_tokens,
        plain_format=plain,
        languages=sorted(languages) or card_languages(source),
        content_hash=content_hash(target),
    )


def files_of(source: Path) -> list[Path]:
    """The weights that are used, and the small files; names that are links are followed by whoever copies."""
    weights = weight_paths(source)
    names = [name for name in MODEL_FILES if name not in (WEIGHTS, WEIGHTS_INDEX)]
    if weights != [source / WEIGHTS]:
        names.append(WEIGHTS_INDEX)
    return weights + [source / name for name in names if (source / name).is_file()]


def _check_context(model: Llama, tokenizer: Tokenizer) -> None:
    context, question = model.config.context_tokens, len(tokenizer.encode_conversation([PROBE]))
    if context < question + LEAST_ANSWER:
        raise InvalidError(
            _(
                "This model reads {context} tokens (max_position_embeddings or sliding_window in config.json): too few "
                "for a question and an answer. The shortest question takes {question}, an answer {answer}. Choose "
                "another model.",
                context=context,
                question=question,
                answer=LEAST_ANSWER,
            )
        )


@torch.no_grad()
def _check_numbers(source: Path, model: Llama, tokenizer: Tokenizer) -> None:
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise unusable(source, f"has weights that are not numbers ({name})")
    if not bool(model(torch.tensor([tokenizer.encode_conversation([PROBE])])).isfinite().all()):
        raise unusable(source, "gives answers that are not numbers")
