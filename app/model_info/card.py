"""What the front matter of a model directory's README.md says of the model (a Hugging Face model card). No torch."""

from pathlib import Path

from app.formats.languages import codes_of

MAX_BYTES = 1 << 20


def card_languages(directory: Path) -> list[str] | None:
    """The languages that it names, sorted; None where it names none, or says that it is for many."""
    path = directory / "README.md"
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        from huggingface_hub.repocard import metadata_load  # heavy: only when a model comes in

        named = (metadata_load(path) or {}).get("language")
    except Exception:  # a card may hold anything, and a model comes in without one
        return None
    tags = named if isinstance(named, list) else [named]
    codes = codes_of(tags)
    return sorted(codes) if codes and "multilingual" not in tags else None
