"""get_model: an entry of the catalogue -> a version of somebody else's model, active."""

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.kinds.get_model import GET_MODEL, GetModelHparams
from app.lm.files.importing import ImportedModel
from app.lm.files.published import bring
from app.model_info.catalogue import Published, published
from app.saving import saving
from app.services.lifecycle import installing
from app.services.versions import versions
from app.training.context import Progress
from app.translation import N_
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.outcomes import Figures, TrainedVersion


def choose(session: Session, _hparams: GetModelHparams, params: dict[str, Any]) -> Inputs:
    entry = published(params.get("model", GET_MODEL.choices["model"][0]))
    there = installing.version_of(session, entry)
    return {"model": entry.name} | ({} if there is None else {"version_id": there.id})


def begin(work: Work[GetModelHparams]) -> Training[ImportedModel | None]:
    entry = published(work.inputs["model"])
    if "version_id" in work.inputs:

        def there(session: Session) -> Version:
            return versions.get_version(session, work.inputs["version_id"])

        return Training(_nothing_to_do(), lambda _nothing: Figures(there, {}))
    folder = work.run.directory / "model"
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was killed
    folder.mkdir(parents=True)

    def outcome(imported: ImportedModel | None) -> TrainedVersion:
        assert imported is not None

        def save(directory: Path) -> str:
            (folder / "version").rename(directory)
            return imported.content_hash

        return TrainedVersion(
            kind=VersionKind.SFT,
            parent_id=None,
            hparams=work.hparams,
            metrics=installing.origin_of(entry, imported.metrics),
            save=save,
        )

    return Training(_brought(entry, folder, work.run.settings.max_prompt_characters), outcome)


def _nothing_to_do() -> Generator[Progress, None, None]:
    yield Progress(1, 1)


def _brought(entry: Published, folder: Path, characters: int) -> Generator[Progress, None, ImportedModel]:
    with saving(N_("published model")):
        coming = bring(entry, folder, folder / "version", prompt_characters=characters)
        try:
            while True:
                step = next(coming)
                yield Progress(step.step, step.total, message=step.said)
        except StopIteration as end:
            imported: ImportedModel = end.value
            return imported
        finally:
            coming.close()
