"""What the front matter of a model directory's README.md says of the model (a Hugging Face model card). No torch."""

from pathlib import Path
from typing import Any

from app.formats.languages import codes_of
from app.model_info.catalogue import Published, catalogue

MAX_BYTES = 1 << 20
FETCHED_AS = "fourfold_model"
"""Names the model's entry of the catalogue, in a directory that `fourfold get-model --to` has written."""


def card_languages(directory: Path) -> list[str] | None:
    """The languages that it names, sorted; None where it names none, or says that it is for many."""
    named = _front_matter(directory).get("language")
    tags = named if isinstance(named, list) else [named]
    codes = codes_of(tags)
    return sorted(codes) if codes and "multilingual" not in tags else None


def card_published(directory: Path) -> Published | None:
    """The entry of the catalogue that it says it was made from."""
    named = _front_matter(directory).get(FETCHED_AS)
    return catalogue().get(named) if isinstance(named, str) else None


def _front_matter(directory: Path) -> dict[str, Any]:
    """Empty where there is none that can be read: a card may hold anything, and a model comes in without one."""
    path = directory / "README.md"
    try:
        if path.stat().st_size > MAX_BYTES:
            return {}
        from huggingface_hub.repocard import metadata_load  # heavy: only when a model comes in

        loaded: object = metadata_load(path)
    except Exception:
        return {}
    return loaded if isinstance(loaded, dict) else {}
