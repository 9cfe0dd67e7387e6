"""Prompts listed, searched, archived and deleted."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import Completion, Group, GroupStatus, SkipReason
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import ConflictError, NotFoundError
from app.services.data import training_data
from app.services.labeling import drawing, groups, rankings, skips
from app.services.prompts import curation, prompts
from app.services.prompts.curation import PromptList, Wanted
from tests.services.conftest import MakeGroup, in_order, lease, plans


def add(session: Session, words: str, source: PromptSource = PromptSource.OWN) -> Prompt:
    prompt = prompts.add_prompt(session, messages=[Message(role="user", content=words)], source=source)
    session.flush()
    return prompt


def listed(session: Session, wanted: Wanted) -> list[str]:
    return [prompt.text for prompt in curation.list_prompts(session, wanted=wanted).items]


def test_shelves_and_search(session: Session) -> None:
    for words in ("How do I wash?", "100% wool?", "怎么泡茶", "archived", "too long"):
        add(session, words)
    archived, aside = session.scalars(select(Prompt).where(Prompt.text.in_(("archived", "too long")))).all()
    curation.archive_prompt(session, archived.id, utc_now())
    drawing.set_aside(session, aside.id, reason="r", key="k")
    assert listed(session, Wanted(prompt_list=PromptList.ACTIVE)) == ["How do I wash?", "100% wool?", "怎么泡茶"]
    assert listed(session, Wanted(prompt_list=PromptList.ARCHIVED)) == ["archived"]
    assert listed(session, Wanted(prompt_list=PromptList.SET_ASIDE)) == ["too long"]
    assert listed(session, Wanted(prompt_list=PromptList.HELD_OUT)) == []
    kept = [Message(role="user", content="for the judge")]
    prompts.add_prompt(session, messages=kept, source=PromptSource.OWN, split=PromptSplit.HELD_OUT)
    assert listed(session, Wanted(prompt_list=PromptList.HELD_OUT)) == ["for the judge"]
    assert listed(session, Wanted(prompt_list=PromptList.ACTIVE)) == ["How do I wash?", "100% wool?", "怎么泡茶"]
    assert listed(session, Wanted(words="WASH")) == ["How do I wash?"]
    assert listed(session, Wanted(words="泡茶")) == ["怎么泡茶"]
    assert listed(session, Wanted(words="0%")) == ["100% wool?"]  # no wildcard
    assert listed(session, Wanted(words="_")) == []
    curation.archive_prompt(session, aside.id, utc_now())
    assert listed(session, Wanted(prompt_list=PromptList.SET_ASIDE)) == [], "each stands in one list"


def test_a_search_goes_on_from_page_to_page(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page looks through a few prompts only; together the pages find all, each once."""
    monkeypatch.setattr(curation, "LOOKED_THROUGH", 3)
    for number in range(10):
        add(session, f"{'needle' if number in (0, 7, 9) else 'hay'} {number}")
    found: list[str] = []
    after, pages = None, 0
    while True:
        page = curation.list_prompts(session, after=after, limit=2, wanted=Wanted(words="needle"))
        found, pages, after = found + [prompt.text for prompt in page.items], pages + 1, page.next
        if after is None:
            break
    assert (found, pages) == (["needle 0", "needle 7", "needle 9"], 4)


@pytest.mark.sqlite
@pytest.mark.parametrize("prompt_list", [None, *PromptList])
def test_a_list_reads_no_table_from_end_to_end(database: Database, prompt_list: PromptList | None) -> None:
    for plan in plans(database, lambda session: curation.list_prompts(session, wanted=Wanted(prompt_list=prompt_list))):
        assert "SCAN prompts" not in plan.replace("SCAN prompts USING INDEX ix_prompts_archived", "")


def test_archived_is_out_of_everything_and_comes_back(
    sessions: sessionmaker[Session], make_group: MakeGroup, ada: Labeler
) -> None:
    ready = make_group(text="ready")
    with transaction(sessions) as session:
        first, later = utc_now(), utc_now() + timedelta(days=1)
        curation.archive_prompt(session, ready.prompt_id, first)
        assert curation.archive_prompt(session, ready.prompt_id, later).archived_at == first, "twice is once"
        assert lease(session, ada) is None
        assert session.get_one(Group, ready.id).status is GroupStatus.EXPIRED
        assert session.get_one(Prompt, ready.prompt_id).shown == 0
    with transaction(sessions) as session:
        curation.restore_prompt(session, ready.prompt_id)
        assert drawing.is_in_use(session, ready.prompt_id)


def test_rankings_of_an_archived_prompt_are_not_trained_on(
    sessions: sessionmaker[Session], make_group: MakeGroup, ada: Labeler
) -> None:
    """A card in somebody's hands is ranked to its end, and the ranking counts again with the prompt."""
    held = make_group(leased_to=ada)
    with transaction(sessions) as session:
        curation.archive_prompt(session, held.prompt_id, utc_now())
        group = groups.get_leased_group(session, held.id, ada)
        rankings.submit_ranking(session, group_id=group.id, labeler=ada, ranks=in_order(group), retrain_after=1_000)
        assert training_data.ranking_ids_in_force(session) == []
        curation.restore_prompt(session, held.prompt_id)
        session.flush()
        assert training_data.ranking_ids_in_force(session) == [1]


def test_delete_takes_cards_that_nobody_saw_along(sessions: sessionmaker[Session], make_group: MakeGroup) -> None:
    group = make_group(text="by mistake")
    with transaction(sessions) as session:
        curation.delete_prompt(session, group.prompt_id)
    with sessions() as session:
        assert [session.scalars(select(table)).all() for table in (Prompt.id, Group.id, Completion.id)] == [[], [], []]
        with pytest.raises(NotFoundError, match="There is no prompt 1"):
            curation.delete_prompt(session, group.prompt_id)


def test_delete_is_refused_where_a_record_depends_on_it(
    sessions: sessionmaker[Session], make_group: MakeGroup, ada: Labeler
) -> None:
    def refused(prompt_id: int) -> str:
        with sessions() as session, pytest.raises(ConflictError) as raised:
            curation.delete_prompt(session, prompt_id)
        return raised.value.message

    held, skipped, ranked = (make_group(leased_to=ada, text=words) for words in ("held", "skipped", "ranked"))
    with transaction(sessions) as session:
        skips.skip_group(session, group_id=skipped.id, labeler=ada, reason=SkipReason.UNCLEAR)
        rankings.submit_ranking(session, group_id=ranked.id, labeler=ada, ranks=in_order(ranked), retrain_after=1_000)
        shipped = add(session, "shipped", PromptSource.SHIPPED).id
        free = add(session, "free").id
    assert refused(held.prompt_id).endswith("somebody is looking at its answers. Archive it instead.")
    with transaction(sessions) as session:  # as while the answers to somebody's own prompt are being written
        session.execute(text(f"UPDATE groups SET status = 'sampling' WHERE id = {held.id}"))
    assert "somebody is looking at its answers" in refused(held.prompt_id)
    assert "somebody skipped it" in refused(skipped.prompt_id)
    assert "a ranking is about it" in refused(ranked.prompt_id)
    assert "ships with Fourfold" in refused(shipped)
    with transaction(sessions) as session:
        rankings.withdraw_ranking(session, 1, ada, lease_seconds=60)
        session.execute(text("UPDATE groups SET status = 'expired'"))
    assert "a ranking is about it" in refused(ranked.prompt_id)  # withdrawn ones are kept, too
    with transaction(sessions) as session:
        session.add(Job(id="j", kind="train_reward", dedup_key="train_reward"))
    assert "a training is running or waiting" in refused(free)


def test_giving_an_archived_prompt_again_takes_it_back(session: Session) -> None:
    prompt = add(session, "again")
    curation.archive_prompt(session, prompt.id, utc_now())
    assert add(session, "again", PromptSource.IMPORTED).archived_at is not None
    assert add(session, "again").archived_at is None
    curation.archive_prompt(session, prompt.id, utc_now())
    new = prompts.NewPrompt([Message(role="user", content="again")])
    prompts.add_prompts(session, [new])
    assert prompt.archived_at is None
