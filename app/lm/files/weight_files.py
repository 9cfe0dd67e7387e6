"""Weights on disk: one model.safetensors or several with an index. Pickles are never opened. Of architectures it knows
only that names of layers' tensors begin with "model.layers.N.".

Tensors are read one by one and converted on the way, so that the memory needed is one copy of the weights in the wanted
type and one tensor; the file's own pages belong to the system, which may drop them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from app.errors import InvalidError
from app.model_info.weights import SHARD, WEIGHTS, WEIGHTS_INDEX, unusable
from app.translation import _

FLOATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
METADATA = {"format": "pt"}
_LAYER = re.compile(r"model\.layers\.\d+\.")
IGNORED = ".rotary_emb.inv_freq"  # old checkpoints keep the frequencies, which config.json says anyway
Shapes = dict[str, tuple[int, ...]]


def weight_paths(directory: Path) -> list[Path]:
    """The files that hold the weights. Raises where one is missing, or there are none but pickles."""
    index = directory / WEIGHTS_INDEX
    if index.is_file():
        paths = [directory / name for name in sorted(set(read_index(index).values()))]
        for path in paths:
            if not path.is_file():
                raise unusable(path, "is missing")
        return paths
    path = directory / WEIGHTS
    if path.is_file():
        return [path]
    pickles = sorted(pickle.name for suffix in ("*.bin", "*.pt", "*.pth") for pickle in directory.glob(suffix))
    if pickles:
        raise InvalidError(
            _(
                "The weights are there as {pickles} only, a pickle, which can run code and is never opened. "
                "If you trust it, convert them: load the model with transformers and call "
                "save_pretrained(directory, safe_serialization=True), then import that directory.",
                pickles=pickles[0],
            )
        )
    raise unusable(path, "is missing")


def read_index(path: Path) -> dict[str, str]:
    """Tensor name -> file name; a name that leads out of the directory is refused."""
    try:
        weight_map = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        listed = {str(name): str(file) for name, file in weight_map.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unusable(path, f"cannot be read ({error!r})") from error
    for file in listed.values():
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise unusable(path, f"names {file!r}, which is not a safetensors file beside it")
    return listed


def check_tensors(paths: list[Path], wanted: Mapping[str, tuple[int, ...]], *, tied: str | None = None) -> None:
    """Names, shapes and types must be exactly what the configuration asks for; no weight is read yet.

    `tied` names a tensor that may be there although it is not wanted (`read_tensors` compares it).
    """
    seen: Shapes = {}
    for path in paths:
        for name, shape in _shapes(path):
            if name in seen:
                raise unusable(path, f"has the tensor {name}, which another file has, too")
            if name not in wanted and name != tied:
                raise unusable(path, f"does not fit config.json: it has a tensor {name} too many")
            seen[name] = shape
            if name in wanted and shape != wanted[name]:
                raise unusable(
                    path, f"does not fit config.json: {name} is {list(shape)} instead of {list(wanted[name])}"
                )
    for name in wanted:
        if name not in seen:
            raise unusable(paths[0] if len(paths) == 1 else paths[0].parent / WEIGHTS_INDEX, f"has no tensor {name}")


def _shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    with opened(path) as file:
        for name in file.keys():  # noqa: SIM118 (not a dict)
            if name.endswith(IGNORED):
                continue
            part = file.get_slice(name)
            kind = part.get_dtype()
            if kind not in FLOATS:
                raise InvalidError(
                    _(
                        "{name} has weights of type {kind} ({name2}); supported are bfloat16, float16 and float32. "
                        "Choose the model in one of those.",
                        name=path.name,
                        kind=kind,
                        name2=name,
                    )
                )
            yield name, tuple(part.get_shape())


def read_tensors(
    path: Path, dtype: torch.dtype | None = None, wanted: Callable[[str], bool] = bool, *, mapped: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """Tensors of one file, by name all or those that are wanted, each a copy of its own, in `dtype` or the file's
    type. `mapped`: as they lie in the file, whose pages the system reads when they are looked at, and may drop."""
    with opened(path) as file:
        for name in file.keys():  # noqa: SIM118 (not a dict)
            if wanted(name) and not name.endswith(IGNORED):
                tensor = file.get_tensor(name)
                yield name, tensor if mapped else tensor.to(dtype or tensor.dtype, copy=True)


def write_tensors(directory: Path, tensors: Mapping[str, Tensor]) -> None:
    """One file."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, directory / WEIGHTS, metadata=METADATA)


def write_parts(directory: Path, tensors: Mapping[str, Tensor]) -> None:
    """The same in several files with an index, as transformers reads them: the embeddings, each layer, and the rest by
    itself, so that versions which have some of them in common can share these files. Each tensor is in the smallest
    type that keeps it to the bit."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parts.setdefault(_part_of(name), {})[name] = exactly(tensor.detach()).contiguous()
    names = {part: SHARD.format(number=number, count=len(parts)) for number, part in enumerate(parts, start=1)}
    for part, held in parts.items():
        save_file(held, directory / names[part], metadata=METADATA)
    total = sum(tensor.nbytes for held in parts.values() for tensor in held.values())
    placed = {name: names[part] for part, held in parts.items() for name in held}
    index = {"metadata": {"total_size": total}, "weight_map": placed}
    (directory / WEIGHTS_INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _part_of(name: str) -> str:
    layer = _LAYER.match(name)
    if layer is not None:
        return layer[0]
    return "embeddings" if "embed_tokens" in name else "rest"


def exactly(tensor: Tensor) -> Tensor:
    """In half as many bytes where each number survives to the bit, else as it is."""
    if tensor.dtype is not torch.float32:
        return tensor
    for kind in (torch.bfloat16, torch.float16):
        half = tensor.to(kind)
        if torch.equal(half.to(torch.float32).view(torch.int32), tensor.view(torch.int32)):
            return half
    return tensor


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise unusable(path, f"cannot be read ({error})") from error
