"""Models on disk in the Hugging Face layout, written atomically and checked on load. Knows nothing of versions' rows.

`transformers.AutoModelForCausalLM.from_pretrained` opens what `save_model` writes, for models trained here and for
imported ones alike. `checksums.json` beside the weights is ours: it finds a truncated copy or a flipped bit before the
model answers with nonsense.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from app.errors import AppError, UnavailableError
from app.formats.strict_json import to_json
from app.hparams import ModelConfig
from app.lm.files import families
from app.lm.files.families import read_config
from app.lm.files.weight_files import check_tensors, read_tensors, weight_paths, write_parts, write_tensors
from app.lm.layer import Layer
from app.lm.model import Llama, without_memory
from app.lm.text.tokenizer import OWN_IDS, Tokenizer
from app.model_info.weights import (
    CHECKSUMS,
    atomic_directory,
    content_hash,
    file_hash,
    model_files,
    unusable,
    verify_checksums,
)
from app.processes.machine import available_bytes
from app.translation import _

DTYPE_NAMES = {torch.bfloat16: "bfloat16", torch.float32: "float32", torch.float16: "float16"}
OUTPUT, EMBEDDINGS, LAYERS = "lm_head.weight", "model.embed_tokens.weight", "model.layers."


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(to_json(content, indent=2) + "\n", encoding="utf-8")


def write_checksums(directory: Path) -> None:
    """Call after all other files are written."""
    write_json(directory / CHECKSUMS, {name: file_hash(directory / name) for name in model_files(directory)})


def config_json(
    config: ModelConfig, *, dtype: torch.dtype, special_ids: Mapping[str, int | None] = OWN_IDS, head: str = "CausalLM"
) -> dict[str, Any]:
    """As families.config_json; for a model trained here without its tokenizer."""
    return families.config_json(config, dtype=DTYPE_NAMES[dtype], special_ids=special_ids, head=head)


def save_model(
    directory: Path,
    model: Llama,
    tokenizer: Tokenizer,
    *,
    dtype: torch.dtype | None = torch.bfloat16,
    beside: Callable[[Path], None] | None = None,
) -> str:
    """Write the model atomically; returns its content hash. `dtype` and `beside` as in `save_weights`."""
    config = config_json(model.config, dtype=dtype or torch.float32, special_ids=tokenizer.special_ids)
    return save_weights(directory, model.state_dict(), config, tokenizer, dtype=dtype, generates=True, beside=beside)


def save_weights(
    directory: Path,
    weights: Mapping[str, Tensor],
    config: Mapping[str, Any],
    tokenizer: Tokenizer,
    *,
    dtype: torch.dtype | None,
    generates: bool,
    beside: Callable[[Path], None] | None = None,
) -> str:
    """Weights in `dtype` in one file, or (None) without loss in parts that versions may share; config.json and the
    tokenizer's files, atomically; returns the content hash. `generates`: with generation_config.json; else it is a
    reward model. `beside` writes further files into the folder that it is given."""
    with atomic_directory(directory) as fresh:
        if dtype is None:
            write_parts(fresh, weights)
        else:
            write_tensors(fresh, {name: tensor.detach().to(dtype) for name, tensor in weights.items()})
        write_json(fresh / "config.json", config)
        if generates:
            write_json(fresh / "generation_config.json", tokenizer.generation_config)
        tokenizer.save(fresh, scored=not generates)
        if beside is not None:
            beside(fresh)
        write_checksums(fresh)
    return content_hash(directory)


def read_weights(
    directory: Path,
    wanted: Mapping[str, Tensor],
    *,
    dtype: torch.dtype = torch.float32,
    tied: bool = False,
    layers: bool = True,
) -> dict[str, Tensor]:
    """The tensors that are wanted, in `dtype`, after checksums, names and shapes were compared. `tied`: an output layer
    may be stored although the embeddings serve as one, if it equals them. `layers`: else what is in layers is left out,
    and the rest stays in its file (`read_tensors`, mapped)."""
    verify_checksums(directory)
    paths = weight_paths(directory)
    shapes = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    check_tensors(paths, shapes, tied=OUTPUT if tied else None)
    read = bool if layers else _is_outside
    tensors = {name: tensor for path in paths for name, tensor in read_tensors(path, dtype, read, mapped=not layers)}
    if tied and not torch.equal(tensors.pop(OUTPUT, tensors[EMBEDDINGS]), tensors[EMBEDDINGS]):
        raise unusable(paths[0], "has an lm_head.weight of its own, but config.json says tie_word_embeddings")
    return tensors


def check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise unusable(directory, "is not a directory")


def check_memory(config: ModelConfig, name: str) -> None:
    """Raises UnavailableError where less is free than one copy of the weights in fp32."""
    free, needed = available_bytes(), 4 * sum(tensor.numel() for tensor in Llama.on_meta(config).state_dict().values())
    if free is not None and needed > free:
        raise UnavailableError(
            _(
                "{name} needs {needed} GiB of memory in fp32; {free} GiB are free. Stop other programs, or choose a "
                "smaller model.",
                name=name,
                needed=f"{needed / 2**30:.1f}",
                free=f"{free / 2**30:.1f}",
            )
        )


def read_tokenizer(directory: Path) -> Tokenizer:
    with readable_tokenizer(directory):
        return Tokenizer.load(directory)


@contextlib.contextmanager
def readable_tokenizer(directory: Path) -> Iterator[Path]:
    """Whatever goes wrong with its tokenizer.json inside is a CheckpointError; that of others passes."""
    path = directory / "tokenizer.json"
    try:
        yield path
    except AppError:
        raise
    except FileNotFoundError as error:
        raise unusable(path, "is missing") from error
    except Exception as error:  # the library raises bare Exception for malformed files
        raise unusable(path, f"cannot be read ({error})") from error


def load_model(directory: Path, *, dtype: torch.dtype = torch.float32, layers: bool = True) -> tuple[Llama, Tokenizer]:
    """Model (in evaluation mode) and tokenizer; raises CheckpointError with the next step if anything is wrong, and
    InvalidError for a model that is not supported. Needs the memory of one copy of the weights in `dtype`. `layers`:
    else the model has none, `read_layers` gives them one after the other, and what it has lies in its files."""
    check_directory(directory)
    config = read_config(directory)
    model = Llama.on_meta(config)
    wanted, tied = model.state_dict(), config.tie_word_embeddings
    weights = read_weights(directory, wanted, dtype=dtype, tied=tied, layers=layers)
    if not layers:
        model.model.layers = nn.ModuleList()
    tokenizer = read_tokenizer(directory)
    if tokenizer.vocab_size > config.vocab_size:
        raise unusable(directory / "tokenizer.json", f"has more than {config.vocab_size} tokens")
    model.assign(weights)
    return model.eval(), tokenizer


def read_layers(directory: Path, config: ModelConfig) -> Iterator[Layer]:
    """Of a model that `load_model` has checked, in fp32: so that one at a time is in memory."""
    paths = weight_paths(directory)
    for index in range(config.num_hidden_layers):
        prefix = f"{LAYERS}{index}."
        with without_memory():
            layer = Layer(config, rotated=index not in config.unrotated_layers)
        mine = partial(_begins, prefix)
        tensors = [pair for path in paths for pair in read_tensors(path, torch.float32, mine)]
        layer.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in tensors}, assign=True)
        yield layer


def _begins(prefix: str, name: str) -> bool:
    return name.startswith(prefix)


def _is_outside(name: str) -> bool:
    """Of all layers."""
    return not name.startswith(LAYERS)
