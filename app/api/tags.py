"""Tags of prompts, groups and rankings: those there are, and those of one record, read and replaced."""

from fastapi import APIRouter
from pydantic import Field

from app.api.description import raises
from app.api.schemas import Model, Out, Text
from app.db.models.tags import Tagged
from app.errors import NotFoundError
from app.formats.ids import RowId
from app.runtime import ReadSession, UnitRoute, WriteSession
from app.services.labeling.tags import MOST_TAGS, known_tags, set_tags, tags_of

router = APIRouter(prefix="/api/v1/tags", tags=["data"], route_class=UnitRoute)


class TagsIn(Model):
    tags: list[Text] = Field(max_length=MOST_TAGS)
    """All that the record is to have, 40 characters each at most."""


class TagsOut(Out):
    tags: list[str]
    """In alphabetical order."""


class KnownTagOut(Out):
    tag: str
    """The word."""
    records: int
    """How many have it."""


class KnownTagsOut(Out):
    items: list[KnownTagOut]
    """Those of most records first, 200 at most."""


@router.get("/{kind}")
def index(kind: Tagged, session: ReadSession) -> KnownTagsOut:
    """Lists the tags that prompts, groups or rankings have."""
    return KnownTagsOut(items=[KnownTagOut(tag=name, records=count) for name, count in known_tags(session, kind)])


@router.get("/{kind}/{record_id}", responses=raises(NotFoundError))
def show(kind: Tagged, record_id: RowId, session: ReadSession) -> TagsOut:
    """Returns the tags of one prompt, group or ranking."""
    return TagsOut(tags=tags_of(session, kind, record_id))


@router.put("/{kind}/{record_id}", responses=raises(NotFoundError))
def change(kind: Tagged, record_id: RowId, body: TagsIn, session: WriteSession) -> TagsOut:
    """Replaces the tags of one prompt, group or ranking. Anybody may: they are the installation's, not a labeler's."""
    return TagsOut(tags=set_tags(session, kind, record_id, body.tags))
