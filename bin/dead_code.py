"""Code that only tests call, or nobody: told by vulture over the program without its tests (`make lint`).

What frameworks call by name, templates read, and kinds of job name in text counts as used. ALLOWED holds the rest, each
name with its reason; one that is not needed any more is told, too.
"""

import re
import sys
from pathlib import Path

from vulture import Vulture
from vulture.core import Item

ROOT = Path(__file__).resolve().parent.parent
PATHS = ("app", "bench", "bin", "migrations")
CONFIDENCE = 60  # percent: vulture's least
DECORATORS = [
    "@router.*", "@cli.*", "@field_validator", "@model_validator", "@event.listens_for", "@extending.*", "@intrinsic",
]  # fmt: skip
FRAMEWORKS = [
    *("forward", "backward"),  # torch
    *("impl", "cache_ok", "process_bind_param", "process_result_value", "type_annotation_map"),  # SQLAlchemy
    *("down_revision", "branch_labels", "depends_on", "downgrade"),  # Alembic
    *("isolation_level", "mode"),  # sqlite3, tarfile
    *("media_type", "regex", "to_string", "disconnected"),  # Starlette, uvicorn
    *("_",),  # torch.library: a fake of an operator
    *("typing", "intrinsic_name"),  # numba, llvmlite
    *("__signature__", "__annotations__"),  # inspect
    *("link_open", "link_close", "table_open", "table_close", "validateLink"),  # markdown-it
    *("FrontEndHook", "initialize"),  # hatchling
]
CLIENTS = ("app/api/", "app/chat.py")  # fields of what goes over the wire: clients read and write them

ALLOWED = {
    "riddles": "BANK_TOPICS names it in text",
    "degenerate": "printed with the report of a taste",
    "distinct_answers": "printed with the report",
    "mean_words_en": "printed with the report",
    "mean_characters_zh": "printed with the report",
    "OPENING_SECONDS": "the sandbox reads it from a program by its name",
    "user_id": "named with the other special tokens, whose ids follow one another",
    "chat_template": "transformers reads it",
    "_prepare_dataset": "TRL's trainer calls it",
    "base_model_prefix": "TRL reads it of a reward model",
    "on_step_end": "transformers' trainer calls it",
    "external_attr": "zipfile writes it: who may read an entry",
    "writable": "zipfile asks it of what it writes to",
    "TITLES_OF_ERRORS": "marks words of app/errors.py for the catalogues",
}


def names_in_templates() -> set[str]:
    return {
        name for path in (ROOT / "templates").rglob("*.html") for name in re.findall(r"\w+", path.read_text("utf-8"))
    }


def named_in_text() -> set[str]:
    """The functions that kinds of job name in text, such as "app.services.lifecycle.following:after_evaluate", and the
    kinds themselves, which the registry finds."""
    texts = [path.read_text("utf-8") for path in (ROOT / "app" / "kinds").glob("*.py")]
    named = {name for text in texts for name in re.findall(r'"app[\w.]+:(\w+)"', text)}
    return named | {name for text in texts for name in re.findall(r"^([A-Z_]+) = Kind\(", text, re.MULTILINE)}


def unused(paths: list[str], used: set[str]) -> list[Item]:
    """What nothing under `paths` uses, and no name of `used` means."""
    vulture = Vulture(ignore_names=FRAMEWORKS, ignore_decorators=DECORATORS)
    vulture.scavenge(paths)
    vulture.used_names.update(used)
    return [item for item in vulture.get_unused_code(min_confidence=CONFIDENCE) if not read_by_clients(item)]


def read_by_clients(item: Item) -> bool:
    place = Path(item.filename).resolve()
    return item.typ == "variable" and any(place.is_relative_to(ROOT / part) for part in CLIENTS)


def main() -> None:
    items = unused([str(ROOT / path) for path in PATHS], names_in_templates() | named_in_text())
    lines = [item.get_report() for item in items if item.name not in ALLOWED]
    spare = sorted(ALLOWED.keys() - {item.name for item in items})
    lines += [f"{name}: not needed in ALLOWED any more" for name in spare]
    if lines:
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
