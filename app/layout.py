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
