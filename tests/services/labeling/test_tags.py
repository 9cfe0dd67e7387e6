"""Tags: in one form, a bounded number, of records that are there, and gone with them."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.groups import Group
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.models.tags import Tag, Tagged
from app.errors import InvalidError, NotFoundError
from app.services.labeling.tags import (
    MAX_TAG_CHARACTERS,
    MOST_TAGS,
    add_tags,
    change_tag,
    known_tags,
    set_tags,
    tags_of,
)
from app.services.prompts import curation, prompts
from app.services.prompts.curation import Wanted
from app.services.views import group_records, ranking_records
from app.services.views.group_records import GroupsWanted
from app.services.views.ranking_records import RankingOrder, RankingsWanted
from tests.services.conftest import MakeGroup
from tests.services.views.test_label_agreement import ranked


def prompt_of(session: Session, text: str) -> int:
    asked = [Message(role="user", content=text)]
    return prompts.add_prompt(session, messages=asked, source=PromptSource.OWN).id


def test_tags_have_one_form_and_stand_once(session: Session) -> None:
    prompt_id = prompt_of(session, "Why?")
    assert set_tags(session, Tagged.PROMPT, prompt_id, ["b ", "a  c", "b"]) == ["a c", "b"]
    assert change_tag(session, Tagged.PROMPT, prompt_id, " b", add=True) == ["a c", "b"]
    assert change_tag(session, Tagged.PROMPT, prompt_id, "b", add=False) == ["a c"]
    assert change_tag(session, Tagged.PROMPT, prompt_id, "b", add=False) == ["a c"], "again changes nothing"
    assert tags_of(session, Tagged.PROMPT, prompt_id) == ["a c"]
    assert known_tags(session, Tagged.PROMPT) == [("a c", 1)]
    assert known_tags(session, Tagged.GROUP) == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * (MAX_TAG_CHARACTERS + 1), "\u202eback", "\ud800"])
def test_what_is_no_tag_is_refused(session: Session, name: str) -> None:
    prompt_id = prompt_of(session, "Why?")
    with pytest.raises(InvalidError):
        change_tag(session, Tagged.PROMPT, prompt_id, name, add=True)
    with pytest.raises(InvalidError, match="at most"):
        set_tags(session, Tagged.PROMPT, prompt_id, [f"t{number}" for number in range(MOST_TAGS + 1)])
    assert tags_of(session, Tagged.PROMPT, prompt_id) == []


@pytest.mark.parametrize("kind", Tagged)
def test_a_record_that_is_not_there_has_none(session: Session, kind: Tagged) -> None:
    with pytest.raises(NotFoundError):
        change_tag(session, kind, 99, "x", add=True)


def test_records_are_found_by_tag_and_by_words_in_it(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    groups = [make_group(leased_to=ada, text=text) for text in ("One", "Two")]
    rankings = [ranked(session, group, ada, [1, 2, 3, 4]) for group in groups]
    set_tags(session, Tagged.RANKING, rankings[0], ["Größe"])
    set_tags(session, Tagged.GROUP, groups[1].id, ["Größe"])
    set_tags(session, Tagged.PROMPT, groups[0].prompt_id, ["Größe", "two"])

    def of_rankings(**wanted: Any) -> list[int]:
        found = ranking_records.list_rankings(session, RankingsWanted(**wanted), after=None, limit=9)
        return [each.id for each in found.items]

    def of_groups(**wanted: Any) -> list[int]:
        return [
            each.id for each in group_records.list_groups(session, GroupsWanted(**wanted), after=None, limit=9).items
        ]

    def of_prompts(**wanted: Any) -> list[int]:
        return [each.id for each in curation.list_prompts(session, wanted=Wanted(**wanted)).items]

    for tag in ({"tag": "Größe"}, {"words": "röß"}):
        assert of_rankings(**tag) == [rankings[0]]
        assert of_groups(**tag) == [groups[1].id], "not the one whose ranking, or prompt, has it"
        assert of_prompts(**tag) == [groups[0].prompt_id]
    assert of_rankings(tag="größe") == [], "a tag is itself; words are parts of it"
    assert of_prompts(words="two") == [groups[0].prompt_id, groups[1].prompt_id]
    assert of_rankings(tag="Größe", order=RankingOrder.SLOWEST) == [], "no time is known"


def test_tags_go_with_their_record_and_along_to_new_words(session: Session, make_group: MakeGroup) -> None:
    unseen = make_group(text="Left")
    set_tags(session, Tagged.GROUP, unseen.id, ["g"])
    set_tags(session, Tagged.PROMPT, unseen.prompt_id, ["p"])
    new = curation.edit_prompt(
        session, unseen.prompt_id, [Message(role="user", content="Other words")], "en", unseen.created_at
    )
    assert new.id != unseen.prompt_id
    assert tags_of(session, Tagged.PROMPT, new.id) == ["p"]
    assert session.scalar(select(func.count()).select_from(Group).where(Group.id == unseen.id)) == 0
    assert session.scalars(select(Tag.record_id)).all() == [new.id], "a later group of that id has none of them"


def test_a_file_gives_a_record_as_many_as_it_may_have_and_those_of_most_records_come_first(session: Session) -> None:
    full, other = prompt_of(session, "Why?"), prompt_of(session, "How?")
    before = set_tags(session, Tagged.PROMPT, full, [f"t{number}" for number in range(MOST_TAGS - 1)])
    add_tags(session, Tagged.PROMPT, [(full, "t0"), (full, "x"), (full, "y"), (other, "x"), (99, "x")])
    assert tags_of(session, Tagged.PROMPT, full) == [*before, "x"]
    assert tags_of(session, Tagged.PROMPT, other) == ["x"]
    assert known_tags(session, Tagged.PROMPT)[:2] == [("x", 2), ("t0", 1)]


def test_what_a_file_is_still_bringing_is_not_tagged(session: Session, make_group: MakeGroup, ada: Labeler) -> None:
    group = make_group(leased_to=ada)
    ranking = ranked(session, group, ada, [1, 2, 3, 4])
    session.get_one(Group, group.id).import_id = 7
    for kind, record in ((Tagged.GROUP, group.id), (Tagged.RANKING, ranking)):
        with pytest.raises(NotFoundError):
            change_tag(session, kind, record, "x", add=True)
