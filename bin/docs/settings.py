"""docs/settings.md and docker-compose.yml: every setting, from app/settings/config.py."""

import re
from pathlib import Path

from app.settings.config import Settings
from app.settings.words import settings_list, variable
from bin.docs.marked_parts import with_part

LIST_BEGINS = "<!-- From app/settings/config.py by `make docs`: begin -->"
LIST_ENDS = "<!-- end -->"
NAMES_BEGIN = "  # From app/settings/config.py by `make docs`: begin"
NAMES_END = "  # end"
IN_THE_IMAGE = {"FOURFOLD_MODEL_DIR"}


def document(repository: Path) -> str:
    """docs/settings.md with its list of settings."""
    return with_part(repository / "docs" / "settings.md", LIST_BEGINS, LIST_ENDS, f"\n{settings_list()}\n\n")


def compose(repository: Path) -> str:
    """docker-compose.yml with the names of all settings that it does not set itself."""
    path = repository / "docker-compose.yml"
    own = set(re.findall(r"^  (FOURFOLD_\w+): \S", path.read_text(), re.MULTILINE))
    names = [name for name in map(variable, Settings.model_fields) if name not in own | IN_THE_IMAGE]
    return with_part(path, NAMES_BEGIN, NAMES_END, "".join(f"  {name}:\n" for name in names))
