"""Where the files that ship with the program are, in a checkout and installed, and where its data goes.

pyproject.toml puts the former into the wheel, under the same names.
"""

from pathlib import Path

import platformdirs

from app.errors import UnavailableError

PACKAGE = Path(__file__).resolve().parent
_INSTALLED = PACKAGE / "shipped"

CHECKOUT = None if _INSTALLED.is_dir() else PACKAGE.parent
"""The repository that the program runs from; None where it is installed."""
_SHIPPED = CHECKOUT or _INSTALLED

TEMPLATES = _SHIPPED / "templates"
STATIC = _SHIPPED / "static"
MIGRATIONS = _SHIPPED / "migrations"
TRANSLATIONS = _SHIPPED / "translations"
SFT_MODEL = _SHIPPED / "models" / "sft"
BASE_MODEL = _SHIPPED / "models" / "base"
PROMPTS = PACKAGE / "corpus" / "prompts.jsonl"
EVERYDAY_PROMPTS = PACKAGE / "corpus" / "everyday_prompts.jsonl"
LESSONS = PACKAGE / "corpus" / "lessons.json"
"""What the pages of Learn show of the corpus (app/corpus/lessons.py)."""
PROMPT_MAP = PACKAGE / "corpus" / "prompt_map.json"
"""Where the shipped prompts lie for the shipped model (bench/prompt_map.py): Learn draws it."""
RECORDED_RUNS = PACKAGE / "corpus" / "recorded_runs.json"
"""Trainings of policies as they ran (bench/recorded_runs.py): Learn shows them where none ran yet."""
OVERFITTING = PACKAGE / "corpus" / "overfitting.json"
"""A fine-tuning on too few pairs, as it ran: Learn draws its curve."""


def data_folder(checkout: Path | None = CHECKOUT) -> Path:
    """`data` in the checkout, from whatever folder it is started; else the platform's folder for a person's data.

    Raises UnavailableError where this person has none.
    """
    if checkout is not None:
        return checkout / "data"
    try:
        return platformdirs.user_data_path("fourfold", appauthor=False)
    except RuntimeError as error:
        raise UnavailableError(
            "There is no home folder to keep the data in. Set FOURFOLD_DATA_DIR to the folder that you want it in."
        ) from error
