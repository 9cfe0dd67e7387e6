"""Whether this installation can serve: schema and model; worker and prefetching are reported, too."""

from dataclasses import dataclass, replace

from sqlalchemy import Engine as Database
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from app.chat import GenerationRequest, Message
from app.db.schema import is_current
from app.db.trouble import sentence_of
from app.errors import AppError
from app.hparams import SamplingParams
from app.services.jobs import heartbeats
from app.services.labeling import groups
from app.services.sampling.engine import Engine
from app.services.versions import versions

_proven: set[tuple[int, int]] = set()
"""(engine, version) pairs that have answered: a probe every few seconds must not queue behind people's requests."""


@dataclass(frozen=True)
class Readiness:
    ready: bool
    database: str
    model: str
    version: int | None
    ready_groups: int
    stock: str
    """Whether groups are prefetched. (The name is that of the API.)"""
    worker: str

    @property
    def reasons(self) -> str:
        """Why it is not ready, in sentences."""
        return " ".join(said for said in (self.database, self.model) if said not in ("ok", "unknown"))

    def outline(self) -> "Readiness":
        """For whoever is not signed in: what is wrong may name folders and models."""
        return replace(
            self,
            database=_outlined(self.database),
            model=_outlined(self.model),
            stock=_outlined(self.stock),
            worker=_outlined(self.worker),
        )


def _outlined(said: str) -> str:
    return said if said in ("ok", "unknown") else "not ok: sign in to read why"


NOT_YET = Readiness(
    False,
    "unknown",
    "No answer yet: the model is being loaded, or the machine is too busy. Ask again in a few seconds.",
    None,
    0,
    "unknown",
    "unknown",
)


def check_readiness(
    database: Database,
    read: sessionmaker[Session],
    engine: Engine,
    *,
    prefetch_error: str | None,
    stale_seconds: float,
) -> Readiness:
    """Each field says "ok" or what is wrong."""
    prefetch = prefetch_error or "ok"
    try:
        if not is_current(database):
            return Readiness(
                False, "The schema is not current: start the server again.", "unknown", None, 0, prefetch, ""
            )
        with read() as session:
            version_id = versions.active_answerer(session).id
            ready_groups = groups.count_ready(session)
            worker = worker_state(heartbeats.age_seconds(session), stale_seconds)
    except AppError as error:
        return Readiness(False, error.message, "unknown", None, 0, prefetch, "unknown")
    except DBAPIError as error:
        return Readiness(False, sentence_of(error), "unknown", None, 0, prefetch, "unknown")
    model = _model(engine, version_id)
    return Readiness(model == "ok", "ok", model, version_id, ready_groups, prefetch, worker)


def worker_state(age_seconds: float | None, stale_seconds: float) -> str:
    """ "ok" or what is wrong, from the age of the newest heartbeat."""
    if age_seconds is None:
        return "none is alive: start one (fourfold worker)"
    return "ok" if age_seconds <= stale_seconds else f"no sign of life for {age_seconds:.0f} s"


def _model(engine: Engine, version_id: int) -> str:
    if (id(engine), version_id) in _proven:
        return "ok"
    try:
        request = GenerationRequest(
            [Message(role="user", content="Hi")], version_id=version_id, params=SamplingParams()
        )
        engine.next_token(request, 1)
    except AppError as error:
        return error.message
    except Exception as error:  # a folder can be broken in any way, and this question must be answered
        return (
            f"Version {version_id} cannot be used ({type(error).__name__}: {error}). Restore its folder from a backup, "
            "or activate another version."
        )
    _proven.add((id(engine), version_id))
    return "ok"
