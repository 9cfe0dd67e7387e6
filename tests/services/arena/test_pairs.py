"""Pairs: one labeler at a time, prompts that come round, and what is done with those that nobody judged."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db.base import utc_now
from app.db.models.arena import Pair, PairSource, PairStatus, Verdict
from app.db.models.labelers import Labeler
from app.db.models.prompts import Prompt, PromptSplit
from app.db.models.versions import Version
from app.errors import ConflictError, NotFoundError
from app.hparams import SamplingParams
from app.services.arena import pairs
from app.services.arena.matches import Match, NoMatchError
from app.services.labeling.drawing import Tag
from app.services.labeling.labelers import take_name
from app.services.prompts import curation
from tests.services.arena.conftest import MakePair, VoteOn, add_prompt

SETTINGS = pairs.kept_settings(SamplingParams())


@pytest.fixture
def match(ada: Labeler, bob: Labeler, session: Session, sft: Version, policy: Version) -> Match:
    del ada, bob  # are stored before the session has the write lock
    return Match(session.get_one(Version, policy.id), session.get_one(Version, sft.id))


def take(session: Session, match: Match, labeler: Labeler, after_seconds: float = 0.0) -> Pair | None:
    return pairs.next_pair(
        session,
        labeler=labeler,
        match=match,
        source=PairSource.HELD_OUT,
        settings=SETTINGS,
        tags=None,
        now=utc_now() + timedelta(seconds=after_seconds),
        lease_seconds=60,
    )


def make_ready(pair: Pair, session: Session) -> Pair:
    pair.status, pair.labeler_id, pair.held_at = PairStatus.READY, None, None
    session.flush()
    return pair


def test_two_people_get_two_pairs_and_each_their_own_again(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler, bob: Labeler
) -> None:
    first, second = (make_ready(make_pair(ada), session) for _ in range(2))
    assert take(session, match, ada) is first
    assert take(session, match, bob) is second
    assert take(session, match, ada) is first
    assert (first.status, first.labeler_id) == (PairStatus.HELD, ada.id)
    with pytest.raises(ConflictError, match="given to another labeler"):
        pairs.own_pair(session, first.id, bob)


def test_what_somebody_left_is_given_to_another_once_the_time_is_over(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler, bob: Labeler
) -> None:
    pair = make_pair(ada)
    assert take(session, match, bob, after_seconds=50) is None
    assert take(session, match, bob, after_seconds=70) is pair
    assert pair.labeler_id == bob.id
    own = make_pair(ada)
    own.source = PairSource.OWN
    assert take(session, match, bob, after_seconds=70) is pair  # an own prompt's is nobody else's


def test_the_answers_to_an_own_prompt_come_before_what_was_drawn_and_stay_after_a_reload(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler
) -> None:
    own = make_pair(ada)
    own.source = PairSource.OWN
    drawn = make_pair(ada)
    session.flush()
    assert [take(session, match, ada) for _ in range(2)] == [own, own]
    pairs.skip(session, own.id, ada)
    assert take(session, match, ada) is drawn


def test_a_pair_from_a_future_clock_is_held_by_nobody(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler, bob: Labeler
) -> None:
    pair = make_pair(ada)
    pair.held_at = utc_now() + timedelta(days=300)
    session.flush()
    assert take(session, match, bob) is pair


def test_what_was_sampled_with_other_settings_is_not_shown_and_then_deleted(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler
) -> None:
    stale = make_ready(make_pair(ada), session)
    stale.settings = {**SETTINGS, "temperature": 0.1}
    session.flush()
    assert take(session, match, ada) is None
    pairs.forget_unseen(session, match, SETTINGS)
    assert session.scalars(select(Pair)).all() == []


def test_pairs_of_archived_prompts_are_not_shown(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler
) -> None:
    pair = make_ready(make_pair(ada), session)
    curation.archive_prompt(session, pair.prompt_id, utc_now())
    assert take(session, match, ada) is None


def test_a_skipped_pair_is_over_and_a_voted_one_is_not_skipped(
    session: Session, match: Match, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    pair = make_pair(ada)
    pairs.skip(session, pair.id, ada)
    assert pairs.skip(session, pair.id, ada).status is PairStatus.SKIPPED
    assert take(session, match, ada) is None
    voted = make_pair(ada)
    vote_on(voted, ada)
    with pytest.raises(ConflictError, match="has a vote already"):
        pairs.skip(session, voted.id, ada)
    with pytest.raises(NotFoundError, match="no pair 99"):
        pairs.skip(session, 99, ada)


def test_prompts_come_round_before_one_comes_twice(session: Session, match: Match, ada: Labeler) -> None:
    ids = [add_prompt(session, f"held out {n}", PromptSplit.HELD_OUT).id for n in range(5)]
    rng, drawn = random.Random(1), []
    for _ in range(10):
        prompt = pairs.draw_prompt(session, match, PairSource.HELD_OUT, None, rng)
        drawn.append(prompt.id)
        session.add(of_prompt(prompt, match, ada))
        session.flush()
    assert Counter(drawn) == dict.fromkeys(ids, 2)
    assert set(drawn[:5]) == set(ids)


def of_prompt(prompt: Prompt, match: Match, labeler: Labeler) -> Pair:
    return Pair(
        prompt_id=prompt.id,
        source=PairSource.HELD_OUT,
        version_a_id=match.ids[1],
        version_b_id=match.ids[0],
        text_a="a",
        text_b="b",
        token_ids_a=[5],
        token_ids_b=[6],
        finish_reason_a="stop",
        finish_reason_b="stop",
        seed=1,
        settings=SETTINGS,
        status=PairStatus.SKIPPED,
        labeler_id=labeler.id,
    )


def test_held_out_and_drawn_prompts_are_told_apart_and_so_are_languages(session: Session, match: Match) -> None:
    train = add_prompt(session, "practise", PromptSplit.TRAIN)
    english = add_prompt(session, "held out", PromptSplit.HELD_OUT)
    chinese = add_prompt(session, "留出", PromptSplit.HELD_OUT, "zh")
    rng = random.Random(2)
    for _ in range(8):
        assert pairs.draw_prompt(session, match, PairSource.DRAWN, None, rng) is train
        assert pairs.draw_prompt(session, match, PairSource.HELD_OUT, (Tag("", "en"),), rng) is english
        assert pairs.draw_prompt(session, match, PairSource.HELD_OUT, (Tag("", "zh"),), rng) is chinese
    before = english.shown, english.draw_key
    assert (english.shown, english.draw_key) == before == (0, before[1])  # evaluation takes them in this order
    session.execute(update(Prompt).values(archived_at=utc_now()))
    for source, says in ((PairSource.HELD_OUT, "no held-out prompts"), (PairSource.DRAWN, "no prompts to draw")):
        with pytest.raises(NoMatchError, match=says):
            pairs.draw_prompt(session, match, source, None, rng)


def test_a_browser_that_takes_a_known_name_takes_its_pair_along(
    session: Session, match: Match, make_pair: MakePair, ada: Labeler, bob: Labeler
) -> None:
    made_up = session.get_one(Labeler, bob.id)
    made_up.name = "Browser ABCD-EFGH"
    pair = make_pair(bob)
    session.flush()
    take_name(session, old=made_up.name, new="ada")
    session.refresh(pair)
    assert pair.labeler_id == ada.id
    assert take(session, match, ada) is pair


def test_prompts_with_votes_are_not_deleted_and_unseen_pairs_go_with_theirs(
    session: Session, make_pair: MakePair, vote_on: VoteOn, ada: Labeler
) -> None:
    voted, held, unseen = make_pair(ada), make_pair(ada), make_ready(make_pair(ada), session)
    vote_on(voted, ada, Verdict.TIE)
    with pytest.raises(ConflictError, match="somebody voted on answers to it"):
        curation.delete_prompt(session, voted.prompt_id)
    with pytest.raises(ConflictError, match="somebody is looking at its answers"):
        curation.delete_prompt(session, held.prompt_id)
    curation.delete_prompt(session, unseen.prompt_id)
    assert session.get(Prompt, unseen.prompt_id) is None
