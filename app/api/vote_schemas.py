"""What the routes of the arena accept and return."""

from datetime import datetime

from pydantic import Field

from app.api.schemas import MessageIn, Model, Out, PromptInput, PromptRef, Text
from app.db.models.arena import Pair, PairSource, Verdict, Vote
from app.db.models.labelers import LabelerKind
from app.formats.ids import RowId
from app.formats.writers import shown_writer
from app.services.arena.alarm import AlarmVerdict, RewardAlarm
from app.services.arena.arena_settings import LEAST_BAR, MOST_BAR
from app.services.arena.sequential import Settled
from app.services.arena.standings import MatchResult, Standing
from app.services.arena.win_rate import Counts, Interval
from app.services.labeling.rankings import MAX_DURATION_MS, MAX_KEY_CHARACTERS


class SideOut(Out):
    side: str = Field(description="`a` or `b`.")
    text: str
    """The answer."""


class PairOut(Out):
    """Nothing here tells which version wrote which answer: POST /api/v1/arena/votes does."""

    pair_id: int
    """Its number."""
    prompt: PromptRef
    """What was asked."""
    answers: list[SideOut]
    """A and B; nothing here tells who wrote them."""


class OwnPairIn(PromptInput):
    version_id: RowId | None = None
    """Which two are compared; null: as with GET /api/v1/arena/result."""
    against_id: RowId | None = None
    """The version that it is compared with; default: as in the arena."""


class VoteIn(Model):
    pair_id: RowId
    """What is voted on."""
    verdict: Verdict
    """Which answer is better; `both_bad` counts apart."""
    duration_ms: int | None = Field(None, ge=0, le=MAX_DURATION_MS)
    """How long the labeler thought."""
    idempotency_key: Text | None = Field(None, min_length=1, max_length=MAX_KEY_CHARACTERS)
    """Sent again with the same key it is stored once."""


class WriterOut(Out):
    side: str
    """`a` or `b`."""
    version_id: int | None = Field(description="Null where that version is not in this installation.")
    written_by: str | None = Field(description="Its name then.")
    score: float | None = Field(description="By the reward model, if one scored the pair.")


class VoteOut(Out):
    vote_id: int
    """Its number."""
    pair_id: int
    """What was voted on."""
    labeler: str
    """Who voted."""
    labeler_kind: LabelerKind
    """What they are."""
    verdict: Verdict
    """What they said."""
    answers: list[WriterOut] = Field(description="Who wrote what.")
    source: PairSource
    """Where the prompt came from."""
    duration_ms: int | None
    """How long they thought; null where nobody said."""
    is_trained_on: bool = Field(description="Whether it is a ranking of two as well.")
    activated_version_id: int | None = Field(description="The version that the rule activated with this vote.")
    created_at: datetime
    """When."""
    withdrawn_at: datetime | None
    """Since when it counts no more; null while it counts."""


class CountsOut(Out):
    wins: int
    """Votes for the one."""
    ties: int
    """Votes for neither."""
    losses: int
    """Votes for the other."""
    both_bad: int
    """Votes against both."""


class IntervalOut(Out):
    low: float
    """One end."""
    high: float
    """The other end."""


class AlarmOut(Out):
    verdict: AlarmVerdict
    """Whether score and votes agree."""
    says: str
    """The same in a sentence."""
    vote_ids: list[int] = Field(description="Votes that show it.")


class ResultOut(Out):
    version_id: int
    """The one."""
    against_id: int
    """The other."""
    votes: CountsOut
    """From the side of the one."""
    win_rate: float | None = Field(description="Of `version_id`, ties as half a win, `both_bad` left out.")
    wilson: IntervalOut = Field(description="95% for one look.")
    anytime: IntervalOut = Field(description="95% however often one looks; `settled` goes by it.")
    settled: Settled
    """Whether more votes could change it."""
    votes_left: int | None = Field(description="About how many more settle it; null: more than 5,000.")
    same_text: int = Field(description="Prompts to which both wrote the same: shown to nobody.")
    alarm: AlarmOut = Field(description="Whether the reward model praises what people do not prefer.")


class StandingOut(Out):
    version_id: int | None
    """Null of a version that is not here."""
    written_by: str | None
    """The name of such a one."""
    rating: float = Field(description="Elo points; 1000 is the mean.")
    low: float = Field(description="95% interval, bootstrap.")
    high: float
    """The other end."""
    votes: CountsOut
    """From its side."""
    component: int = Field(description="Ratings of different components cannot be compared.")


class StandingsOut(Out):
    standings: list[StandingOut]
    """The strongest first."""
    votes: int
    """All that count."""


class ArenaSettingsIn(Model):
    train_on_votes: bool = False
    """Votes on prompts that are not held out are rankings of two as well."""
    activate_above: float | None = Field(None, ge=LEAST_BAR, le=MOST_BAR)
    """A candidate replaces the active version once the lower end of `anytime` is above this; null: never."""


def pair_out(pair: Pair) -> PairOut:
    prompt = pair.prompt
    return PairOut(
        pair_id=pair.id,
        prompt=PromptRef(
            id=prompt.id, text=prompt.text, messages=[MessageIn.model_validate(each) for each in prompt.messages]
        ),
        answers=[SideOut(side="a", text=pair.text_a), SideOut(side="b", text=pair.text_b)],
    )


def vote_out(vote: Vote) -> VoteOut:
    pair = vote.pair
    return VoteOut(
        vote_id=vote.id,
        pair_id=pair.id,
        labeler=vote.labeler.name,
        labeler_kind=vote.labeler.kind,
        verdict=vote.verdict,
        answers=[
            WriterOut(side="a", version_id=pair.version_a_id, written_by=_shown(pair.writer_a), score=pair.score_a),
            WriterOut(side="b", version_id=pair.version_b_id, written_by=_shown(pair.writer_b), score=pair.score_b),
        ],
        source=pair.source,
        duration_ms=vote.duration_ms,
        is_trained_on=vote.ranking_id is not None,
        activated_version_id=vote.activated_version_id,
        created_at=vote.created_at,
        withdrawn_at=vote.withdrawn_at,
    )


def _counts(counts: Counts) -> CountsOut:
    return CountsOut(
        wins=int(counts.wins), ties=int(counts.ties), losses=int(counts.losses), both_bad=int(counts.both_bad)
    )


def _interval(interval: Interval) -> IntervalOut:
    return IntervalOut(low=interval.low, high=interval.high)


def result_out(result: MatchResult, alarm: RewardAlarm) -> ResultOut:
    return ResultOut(
        version_id=result.match.version.id,
        against_id=result.match.against.id,
        votes=_counts(result.counts),
        win_rate=result.counts.win_rate,
        wilson=_interval(result.wilson),
        anytime=_interval(result.anytime),
        settled=result.settled,
        votes_left=result.outlook.votes,
        same_text=result.same_text,
        alarm=AlarmOut(verdict=alarm.verdict, says=alarm.sentence, vote_ids=[each.vote_id for each in alarm.texts]),
    )


def standing_out(standing: Standing) -> StandingOut:
    return StandingOut(
        version_id=standing.contestant.version_id,
        written_by=standing.contestant.writer,
        rating=standing.strength.rating,
        low=standing.strength.low,
        high=standing.strength.high,
        votes=_counts(standing.counts),
        component=standing.component,
    )


def _shown(writer: str | None) -> str | None:
    return None if writer is None else shown_writer(writer)
