"""Models on disk in the Hugging Face layout, written atomically and checked on load. Knows nothing of versions' rows.

`transformers.AutoModelForCausalLM.from_pretrained` opens what `save_model` writes. `checksums.json` beside the
weights is ours: it finds a truncated copy or a flipped bit before the model answers with nonsense.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from app.hparams import ModelConfig
from app.lm.model import Llama
from app.lm.tokenizer import Tokenizer
from app.weights import (
    CHECKSUMS,
    MODEL_FILES,
    CheckpointError,
    atomic_directory,
    content_hash,
    file_hash,
    unusable,
    verify_checksums,
)

__all__ = [
    "CHECKSUMS",
    "MODEL_FILES",
    "CheckpointError",
    "atomic_directory",
    "content_hash",
    "load_model",
    "save_model",
    "verify_checksums",
    "write_checksums",
    "write_json",
]

DTYPE_NAMES = {torch.bfloat16: "bfloat16", torch.float32: "float32", torch.float16: "float16"}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_checksums(directory: Path) -> None:
    """Call after all other files are written."""
    present = {name: file_hash(directory / name) for name in MODEL_FILES if (directory / name).is_file()}
    write_json(directory / CHECKSUMS, present)


def config_json(config: ModelConfig, *, dtype: torch.dtype, architecture: str = "LlamaForCausalLM") -> dict[str, Any]:
    """Our sizes in transformers' words; the rope base is written both the old and the new way."""
    return {
        "architectures": [architecture],
        "model_type": "llama",
        **asdict(config),
        "head_dim": config.head_dim,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "use_cache": True,
        "pad_token_id": Tokenizer.pad_id,
        "bos_token_id": Tokenizer.bos_id,
        "eos_token_id": Tokenizer.end_id,
        "dtype": DTYPE_NAMES[dtype],
        "torch_dtype": DTYPE_NAMES[dtype],
    }


def save_model(directory: Path, model: Llama, tokenizer: Tokenizer, *, dtype: torch.dtype = torch.bfloat16) -> str:
    """Write the model atomically; returns its content hash."""
    weights = {name: tensor.detach().to(dtype).contiguous() for name, tensor in model.state_dict().items()}
    generation = {
        "bos_token_id": Tokenizer.bos_id,
        "eos_token_id": Tokenizer.end_id,
        "pad_token_id": Tokenizer.pad_id,
        "do_sample": True,
        "temperature": 1.0,
    }
    with atomic_directory(directory) as fresh:
        save_file(weights, fresh / "model.safetensors", metadata={"format": "pt"})
        write_json(fresh / "config.json", config_json(model.config, dtype=dtype))
        write_json(fresh / "generation_config.json", generation)
        tokenizer.save(fresh)
        write_checksums(fresh)
    return content_hash(directory)


def read_config(directory: Path) -> ModelConfig:
    """The sizes in config.json; raises CheckpointError where they are missing or no sizes."""
    try:
        found = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        defaults = asdict(ModelConfig())
        return ModelConfig(**{name: type(default)(found[name]) for name, default in defaults.items()})
    except FileNotFoundError as error:
        raise unusable(directory / "config.json", "is missing") from error
    except KeyError as error:
        raise unusable(directory / "config.json", f"has no entry {error}") from error
    except (ValueError, TypeError) as error:
        raise unusable(directory / "config.json", f"cannot be read ({error})") from error


def read_weights(directory: Path) -> dict[str, Tensor]:
    """All tensors of model.safetensors, after the checksums were compared."""
    verify_checksums(directory)
    path = directory / "model.safetensors"
    if not path.is_file():
        raise unusable(path, "is missing")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise unusable(path, f"cannot be read ({error})") from error


def read_tokenizer(directory: Path) -> Tokenizer:
    try:
        return Tokenizer.load(directory)
    except FileNotFoundError as error:
        raise unusable(directory / "tokenizer.json", "is missing") from error
    except Exception as error:  # the library raises bare Exception for malformed files
        raise unusable(directory / "tokenizer.json", f"cannot be read ({error})") from error


def check_shapes(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Names and shapes must be exactly those that the configuration asks for."""
    for name, tensor in wanted.items():
        if name not in found:
            raise unusable(path, f"has no tensor {name}")
        if found[name].shape != tensor.shape:
            shapes = f"{list(found[name].shape)} instead of {list(tensor.shape)}"
            raise unusable(path, f"does not fit config.json: {name} is {shapes}")


def load_model(directory: Path, *, dtype: torch.dtype = torch.float32) -> tuple[Llama, Tokenizer]:
    """Model (in evaluation mode) and tokenizer; raises CheckpointError with the next step if anything is wrong."""
    if not directory.is_dir():
        raise unusable(directory, "is not a directory")
    config = read_config(directory)
    weights = read_weights(directory)
    tokenizer = read_tokenizer(directory)
    model = Llama(config)
    check_shapes(directory / "model.safetensors", weights, model.state_dict())
    if tokenizer.vocab_size > config.vocab_size:
        raise unusable(directory / "tokenizer.json", f"has more than {config.vocab_size} tokens")
    model.load_state_dict({name: weights[name] for name in model.state_dict()})
    return model.to(dtype).eval(), tokenizer
