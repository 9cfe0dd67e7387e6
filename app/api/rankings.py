"""Rankings: listed, and withdrawn (kept, marked, out of training)."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.description import raises
from app.api.labeler import ApiLabeler
from app.api.schemas import After, Limit, PageOut, page_out
from app.db.models.labelers import LabelerKind
from app.db.models.rankings import Ranking
from app.errors import ConflictError, NotFoundError
from app.formats.ids import RowId
from app.runtime import ReadSession, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling.labelers import labeler_of
from app.services.labeling.rankings import list_rankings, withdraw_ranking

router = APIRouter(prefix="/api/v1/rankings", tags=["rankings"], route_class=UnitRoute)


class RankingOut(BaseModel):
    ranking_id: int
    group_id: int
    labeler: str
    labeler_kind: LabelerKind
    ranks: dict[str, int]
    comment: str | None
    duration_ms: int | None
    created_at: datetime
    withdrawn_at: datetime | None


def ranking_out(ranking: Ranking) -> RankingOut:
    return RankingOut(
        ranking_id=ranking.id,
        group_id=ranking.group_id,
        labeler=ranking.labeler.name,
        labeler_kind=ranking.labeler.kind,
        ranks=ranking.ranks,
        comment=ranking.comment,
        duration_ms=ranking.duration_ms,
        created_at=ranking.created_at,
        withdrawn_at=ranking.withdrawn_at,
    )


@router.get("")
def index(
    session: ReadSession,
    after: After = None,
    limit: Limit = 50,
    labeler_kind: LabelerKind | None = None,
    include_withdrawn: bool = False,
) -> PageOut[RankingOut]:
    """Lists rankings, newest first."""
    page = list_rankings(
        session, after=after, limit=limit, labeler_kind=labeler_kind, include_withdrawn=include_withdrawn
    )
    return page_out(page, ranking_out)


@router.delete("/{ranking_id}", status_code=204, responses=raises(NotFoundError, ConflictError))
def withdraw(ranking_id: RowId, runtime: RuntimeDep, session: WriteSession, who: ApiLabeler) -> None:
    """Withdraws one of your own rankings; its group is leased to you again."""
    labeler = labeler_of(session, who)
    withdraw_ranking(session, ranking_id, labeler, lease_seconds=runtime.settings.lease_seconds)
