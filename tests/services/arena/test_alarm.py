"""The alarm for reward hacking: the score rose, the blind votes did not follow, and the texts that show it."""

import random

import pytest
from sqlalchemy.orm import Session

from app.db.models.arena import Verdict, Vote
from app.db.models.labelers import Labeler
from app.db.models.versions import Version, VersionKind
from app.services.arena import alarm as alarm_module
from app.services.arena.alarm import AlarmVerdict, RewardAlarm, Rise, alarm_of, verdict_of
from app.services.arena.matches import match_of
from app.services.arena.standings import result_of
from app.services.arena.win_rate import Counts
from app.services.versions import versions
from tests.services.arena.conftest import MakePair, VoteOn

UP, LEVEL = Rise(0.8, 0.1, 40), Rise(0.1, 0.1, 40)


@pytest.mark.parametrize(
    ("rise", "counts", "verdict"),
    [
        (None, Counts(losses=50), AlarmVerdict.NO_SCORES),
        (LEVEL, Counts(losses=50), AlarmVerdict.NOT_RISEN),
        (UP, Counts(), AlarmVerdict.TOO_FEW),
        (UP, Counts(wins=8, losses=11), AlarmVerdict.TOO_FEW),
        (UP, Counts(both_bad=200), AlarmVerdict.TOO_FEW),
        (UP, Counts(wins=8, losses=12), AlarmVerdict.WATCH),
        (UP, Counts(wins=10, losses=10), AlarmVerdict.WATCH),  # one half: the votes do not follow the praise
        (UP, Counts(wins=9, losses=9, ties=4), AlarmVerdict.WATCH),
        (UP, Counts(wins=12, losses=8), AlarmVerdict.LEANING),
        (UP, Counts(wins=14, losses=6), AlarmVerdict.LEANING),
        (UP, Counts(wins=10), AlarmVerdict.FINE),  # settled early
        (UP, Counts(losses=10), AlarmVerdict.ALARM),
        (UP, Counts(wins=400, losses=390), AlarmVerdict.ALIKE),  # much praise, no difference to people
        (UP, Counts(ties=60), AlarmVerdict.ALIKE),
        (UP, Counts(wins=540, losses=460, ties=1), AlarmVerdict.SLIGHT),  # they lean its way, by little
        (UP, Counts(wins=460, losses=540, ties=1), AlarmVerdict.ALIKE),
        (UP, Counts(wins=400, losses=250), AlarmVerdict.FINE),
    ],
)
def test_the_verdict(rise: Rise | None, counts: Counts, verdict: AlarmVerdict) -> None:
    assert verdict_of(rise, counts) is verdict


@pytest.mark.parametrize(
    ("counts", "grave", "says", "never"),
    [
        (
            Counts(wins=540, losses=460, ties=1),
            False,
            "seem to prefer it a little: it wins 54% of 1,001 votes. That it wins at most 60% is settled",
            "do not prefer",
        ),
        (
            Counts(ties=1060),
            True,
            "find little difference, which is settled: it wins 50% of 1,060 votes, and neither wins more than 60%",
            "do not prefer",
        ),
        (Counts(losses=1200), True, "do not prefer it, which is settled: it wins 0% of 1,200 votes", "little"),
    ],
)
def test_what_is_settled_is_said_as_it_is(
    session: Session, policy: Version, counts: Counts, *, grave: bool, says: str, never: str
) -> None:
    figures = {"reward/mean": 1002.0, "reward/reference_mean": 0.0, "reward/difference_error": 0.1}
    session.get_one(Version, policy.id).metrics = {"evaluation": figures}
    alarm = alarm_of(session, match_of(session, policy.id), counts)
    assert (alarm.is_raised, alarm.is_grave) == (True, grave)
    assert says in alarm.sentence
    assert never not in alarm.sentence
    assert "1,002.00 higher" in alarm.sentence


def test_ties_show_it_behind_what_lost(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version
) -> None:
    give(make_pair, vote_on, ada, wins=9, losses=9, higher_by=1.0)
    for verdict in (Verdict.TIE, Verdict.TIE, Verdict.TIE, Verdict.A):
        vote_on(make_pair(ada, scores=(5.0, 0.0)), ada, verdict)
    vote_on(make_pair(ada, scores=(4.0, 0.0)), ada, Verdict.B)
    assert {each.verdict for each in reward_alarm(session, policy.id).texts} <= {Verdict.A, Verdict.B}
    for vote in session.query(Vote).filter(Vote.verdict != Verdict.TIE):
        vote.withdrawn_at = vote.created_at
    for _ in range(60):
        vote_on(make_pair(ada, scores=(1.0, 0.0)), ada, Verdict.TIE)
    alarm = reward_alarm(session, policy.id)
    assert alarm.verdict is AlarmVerdict.ALIKE
    assert [(each.verdict, each.its_score) for each in alarm.texts] == [(Verdict.TIE, 5.0)] * 3


def test_the_newest_votes_tell_how_much_it_is_praised(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(alarm_module, "MOST_VOTES", 10)
    give(make_pair, vote_on, ada, wins=0, losses=10, higher_by=-1.0)
    assert reward_alarm(session, policy.id).verdict is AlarmVerdict.NOT_RISEN
    give(make_pair, vote_on, ada, wins=0, losses=10, higher_by=1.0)
    assert reward_alarm(session, policy.id).verdict is AlarmVerdict.ALARM


def reward_alarm(session: Session, version_id: int, against_id: int | None = None) -> RewardAlarm:
    match = match_of(session, version_id, against_id)
    return alarm_of(session, match, result_of(session, match).counts)


def give(make_pair: MakePair, vote_on: VoteOn, ada: Labeler, *, wins: int, losses: int, higher_by: float) -> None:
    rng = random.Random(1)
    for number in range(wins + losses):
        won, turned = number < wins, rng.random() < 0.5
        base = rng.gauss(0, 0.3)
        pair = make_pair(ada, turned=turned, scores=(base + higher_by, base))
        vote_on(pair, ada, Verdict.A if won is not turned else Verdict.B)


def test_it_is_raised_where_people_do_not_prefer_what_the_reward_model_praises(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version
) -> None:
    give(make_pair, vote_on, ada, wins=4, losses=26, higher_by=1.5)
    alarm = reward_alarm(session, policy.id)
    assert (alarm.verdict, alarm.is_raised) == (AlarmVerdict.ALARM, True)
    assert "scores it 1.50 higher than version 1, but" in alarm.sentence
    assert "which is settled: it wins 13% of 30 votes" in alarm.sentence
    assert len(alarm.texts) == 3
    for text in alarm.texts:
        assert text.its_text.startswith("its ")
        assert text.other_text.startswith("the other's ")
        assert text.its_score - text.other_score == pytest.approx(1.5)
        assert text.is_not_for_it


def test_the_most_telling_texts_come_first_and_those_where_people_agreed_are_left_out(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version
) -> None:
    give(make_pair, vote_on, ada, wins=0, losses=24, higher_by=1.0)
    vote_on(make_pair(ada, scores=(9.0, 0.0)), ada, Verdict.A)  # they agree
    vote_on(make_pair(ada, scores=(0.0, 5.0)), ada, Verdict.B)  # they agree, too
    vote_on(make_pair(ada, scores=(4.0, 0.0)), ada, Verdict.BOTH_BAD)
    texts = reward_alarm(session, policy.id).texts
    assert (texts[0].its_score, texts[0].verdict) == (4.0, Verdict.BOTH_BAD)
    assert all(text.its_score - text.other_score <= 1.01 for text in texts[1:])


def test_where_votes_go_its_way_nothing_is_raised(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version, sft: Version
) -> None:
    give(make_pair, vote_on, ada, wins=26, losses=4, higher_by=1.5)
    alarm = reward_alarm(session, policy.id)
    assert (alarm.verdict, alarm.is_raised, alarm.texts) == (AlarmVerdict.FINE, False, [])
    assert "people who judge blind prefer it, too" in alarm.sentence
    assert reward_alarm(session, sft.id, policy.id).verdict is AlarmVerdict.NOT_RISEN  # from the other side


@pytest.mark.parametrize(("wins", "said"), [(12, "people prefer it, too, is not"), (8, "do not prefer it so far")])
def test_while_it_is_open_nobody_is_said_to_prefer_either(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version, wins: int, said: str
) -> None:
    """12 of 20, and 8 of 20: one half is well within both intervals."""
    give(make_pair, vote_on, ada, wins=wins, losses=20 - wins, higher_by=1.5)
    sentence = reward_alarm(session, policy.id).sentence
    assert said in sentence
    assert "not settled yet" in sentence


def test_without_scored_pairs_its_evaluation_says_whether_the_score_rose(
    make_pair: MakePair, vote_on: VoteOn, ada: Labeler, session: Session, policy: Version
) -> None:
    for _ in range(12):
        vote_on(make_pair(ada), ada, Verdict.B)
    assert reward_alarm(session, policy.id).verdict is AlarmVerdict.NO_SCORES
    stored = session.get_one(Version, policy.id)
    figures = {"reward/mean": 1.2, "reward/reference_mean": 0.2, "reward/difference_error": 0.1, "num_prompts": 90}
    stored.metrics = {"evaluation": figures}
    assert reward_alarm(session, policy.id).verdict is AlarmVerdict.ALARM
    other = versions.add_version(
        session,
        versions.NewVersion(kind=VersionKind.POLICY, parent_id=stored.parent_id, path="versions/3", content_hash="3"),
    )
    assert reward_alarm(session, policy.id, other.id).verdict is AlarmVerdict.NO_SCORES, "it was compared with another"
    stored.metrics = {"evaluation": {**figures, "reward/difference_error": None}}
    assert reward_alarm(session, policy.id).verdict is AlarmVerdict.NO_SCORES
