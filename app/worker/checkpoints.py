"""Checkpoints of a job in its folder. Knows nothing of jobs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.model_info.weights import sync
from app.saving import saving
from app.training.context import FileContext
from app.translation import N_


class JobCheckpoints(FileContext):
    """FileContext that survives a power cut (the folder is synced too) and tells each save, before and after."""

    def __init__(
        self, path: Path, *, on_saving: Callable[[], None] = lambda: None, on_saved: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(path)
        self._on_saving = on_saving
        self._on_saved = on_saved

    def save(self, state: dict[str, Any]) -> None:
        self._on_saving()
        with saving(N_("checkpoint of the job")):
            super().save(state)
            sync(self.path.parent)
        self._on_saved()
