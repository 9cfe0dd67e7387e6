"""Fetches the pages' libraries before hatchling packs Fourfold: npm brings them, and git does not hold them."""

import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raises RuntimeError with the next step where they are missing and cannot be fetched."""
        del build_data
        root = Path(self.root)
        if version == "editable" or (root / "static" / "vendor").is_dir():
            return
        try:
            with tempfile.TemporaryDirectory() as folder:  # gets npm where this machine has none
                venv.create(folder, with_pip=True)
                subprocess.run(["sh", root / "bin" / "front-end", Path(folder) / "bin" / "python"], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(
                "The pages' libraries (static/vendor) are missing and could not be fetched by npm. "
                f"Run `make front-end` in this folder, then build again. ({error})"
            ) from error
