"""The arena without JavaScript: two answers and no names, a vote, the names, the next pair; and what goes wrong."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from app.chat import GenerationRequest, SampledAnswer
from app.db.base import utc_now
from app.db.models.arena import Pair, PairStatus, Verdict, Vote
from app.db.models.versions import Version, VersionKind
from app.db.session import transaction
from app.errors import UnavailableError
from app.services.arena import arena_settings, pairs, votes
from app.services.arena.arena_settings import ArenaChoice
from app.services.versions import versions
from tests.live import LiveServer, ScriptedEngine
from tests.waiting import wait_for
from tests.web.visitor import Visitor, words_of


class TwoWriters(ScriptedEngine):
    """Each version writes something of its own."""

    def generate(self, request: GenerationRequest) -> list[SampledAnswer]:
        super().generate(request)
        blind = {1: "one", 2: "two"}[request.version_id]
        return [SampledAnswer(f"<b>{blind}</b> wrote this", [5, 4], "stop")]


@pytest.fixture
def engine() -> TwoWriters:
    return TwoWriters()


@pytest.fixture
def policy(server: LiveServer) -> Version:
    with transaction(server.runtime.write) as session:
        sft = versions.active_answerer(session)
        new = versions.NewVersion(
            kind=VersionKind.POLICY, parent_id=sft.id, path=sft.path, content_hash=sft.content_hash
        )
        return versions.add_version(session, new)


@pytest.fixture
def other(server: LiveServer) -> Iterator[Visitor]:
    """A second browser."""
    made = Visitor(server)
    yield made
    made.client.close()


def pair_of(page: str) -> int:
    return int(re.findall(r"/arena/pairs/(\d+)/votes", page)[0])


def open_pair(visitor: Visitor, path: str = "/arena") -> str:
    """The page once its pair is there."""

    def shown() -> str | None:
        page = visitor.get(path)
        return page if "vote-form" in page else None

    return wait_for(shown, "a pair")


def vote(visitor: Visitor, page: str, verdict: str = "a", query: str = "", key: str = "") -> str:
    path = f"/arena/pairs/{pair_of(page)}/votes{query}"
    response = visitor.send(path, verdict=verdict, idempotency_key=key)
    assert response.status_code == 200, response.text
    return response.text


def card(page: str) -> str:
    return page[page.index('id="card-slot"') : page.index('id="ask"')]


def test_with_one_version_it_says_what_to_do(visitor: Visitor) -> None:
    page = words_of(visitor.get("/arena"))
    assert "Nothing to compare yet" in page
    assert "Rank answers until a policy is trained" in page


def test_nothing_on_the_page_or_in_its_address_tells_who_wrote_what(
    server: LiveServer, visitor: Visitor, policy: Version
) -> None:
    page = open_pair(visitor)
    assert "Policy 2 (candidate) against SFT model 1 (answers now)." in words_of(page)
    shown = card(page)
    for name in ("Policy", "SFT", "version_", "/versions/"):
        assert name not in shown
    assert open_pair(visitor) is not None
    assert pair_of(open_pair(visitor)) == pair_of(page)  # a reload shows the same
    with server.runtime.read() as session:
        pair = pairs.get_pair(session, pair_of(page))
    written = re.findall(r'class="answer-text"[^>]*>(.*?)</div>', shown)
    assert written == [text.replace("<", "&lt;").replace(">", "&gt;") for text in (pair.text_a, pair.text_b)]
    after = card(vote(visitor, page))
    first, second = ("Policy 2", "SFT model 1") if pair.version_a_id == policy.id else ("SFT model 1", "Policy 2")
    assert f"You chose A, {first}. B was {second}." in words_of(after)
    assert "nothing is ever trained on this vote" in words_of(after)
    assert after.index(f">{first}</a>") < after.index(f">{second}</a>")


@pytest.mark.parametrize(
    ("verdict", "says"), [("b", "You chose B"), ("tie", "A tie between"), ("both_bad", "You found both bad")]
)
def test_each_verdict_is_said(visitor: Visitor, policy: Version, verdict: str, says: str) -> None:
    assert says in words_of(vote(visitor, open_pair(visitor), verdict))
    assert policy.id


def test_sent_twice_it_is_one_vote_and_another_one_is_refused(
    server: LiveServer, visitor: Visitor, policy: Version
) -> None:
    page = open_pair(visitor)
    [key] = re.findall(r'name="idempotency_key" value="([^"]+)"', page)
    first = vote(visitor, page, key=key)
    assert words_of(vote(visitor, page, key=key)) == words_of(first)
    refused = visitor.send(f"/arena/pairs/{pair_of(page)}/votes", verdict="b")
    assert refused.status_code == 409
    assert "have seen the names" in words_of(refused.text)
    changed = visitor.send(f"/arena/pairs/{pair_of(page)}/votes", verdict="c")
    assert (changed.status_code, "Reload the page" in changed.text) == (422, True)
    with server.runtime.read() as session:
        assert session.query(Vote).count() == 1
    assert policy.id


def test_a_pair_of_somebody_else_is_neither_shown_nor_voted_on(
    visitor: Visitor, other: Visitor, policy: Version
) -> None:
    bob, page = other, open_pair(visitor)
    assert pair_of(open_pair(bob)) != pair_of(page)
    for response in (
        bob.client.get(f"/arena/pairs/{pair_of(page)}"), bob.send(f"/arena/pairs/{pair_of(page)}/votes", verdict="a")
    ):  # fmt: skip
        assert response.status_code == 409
        assert "This pair was given to somebody else. Continue with the next one." in words_of(response.text)
        assert "wrote this" not in response.text
    assert policy.id


def test_the_last_vote_is_taken_back_and_a_pair_skipped(server: LiveServer, visitor: Visitor, policy: Version) -> None:
    page = open_pair(visitor)
    assert "Take the last vote back" not in page
    vote(visitor, page)
    page = open_pair(visitor)
    assert "Take the last vote back" in page
    [undo] = re.findall(r'action="(/arena/votes/\d+/withdraw)"', page)
    assert "Your last vote was taken back." in words_of(visitor.send(undo).text)
    skipped = pair_of(page)
    visitor.send(f"/arena/pairs/{skipped}/skip")
    assert pair_of(open_pair(visitor)) != skipped
    with server.runtime.read() as session:
        assert votes.list_votes(session).items == []
    assert policy.id


def test_an_own_prompt_is_answered_by_both_and_an_empty_one_refused(visitor: Visitor, policy: Version) -> None:
    hostile = "<img src=x onerror=alert(1)> {{ 7*7 }}"
    page = visitor.send("/arena/prompts?version=2&against=1", prompt=hostile).text
    assert "&lt;img src=x onerror=alert(1)&gt; {{ 7*7 }}" in card(page)
    assert "<img src=x" not in page
    vote(visitor, page, query="?version=2&against=1")
    refused = visitor.send("/arena/prompts", prompt="  ")
    assert refused.status_code == 422
    assert "ask-error" in refused.text
    assert policy.id


def test_an_engine_that_is_busy_is_told_and_the_page_goes_on(
    visitor: Visitor, policy: Version, engine: TwoWriters
) -> None:
    engine.failure = UnavailableError("The model is busy.")

    def said() -> str | None:
        page = words_of(visitor.get("/arena"))
        return page if "The model is busy." in page else None

    assert "There is no pair now" in wait_for(said, "the trouble")
    assert visitor.send("/arena/prompts", prompt="Mine").status_code == 503
    engine.failure = None
    assert "vote-form" in open_pair(visitor)
    assert policy.id


def test_a_version_that_goes_while_somebody_looks_takes_the_vote_all_the_same(
    server: LiveServer, visitor: Visitor, policy: Version
) -> None:
    page = open_pair(visitor)
    with transaction(server.runtime.write) as session:
        versions.get_version(session, policy.id).removed_at = utc_now()
    response = visitor.send(f"/arena/pairs/{pair_of(page)}/votes", fragment=True, verdict="a")
    assert "You chose A" in response.text
    assert "Nothing to compare yet" in words_of(visitor.get("/arena"))
    gone = visitor.client.get("/arena?version=2")
    assert gone.status_code == 410
    assert "were removed" in gone.text


def test_a_vote_without_scripts_is_shown_whatever_became_of_the_versions(
    server: LiveServer, visitor: Visitor, policy: Version
) -> None:
    path = f"/arena/pairs/{pair_of(open_pair(visitor))}"
    with transaction(server.runtime.write) as session:
        newer = versions.NewVersion(
            kind=VersionKind.POLICY, parent_id=1, path=policy.path, content_hash=policy.content_hash
        )
        versions.add_version(session, newer)
    assert "Policy 2 (candidate) against SFT model 1 (answers now)." in words_of(visitor.get(path))
    with transaction(server.runtime.write) as session:
        versions.get_version(session, policy.id).removed_at = utc_now()
    assert "You chose A" in words_of(visitor.send(f"{path}/votes", verdict="a").text)
    page = visitor.get(path)
    assert "You chose A" in words_of(page)
    assert "against" not in words_of(page[page.index("<main") : page.index('id="card-slot"')])


@pytest.mark.parametrize("query", ["", "?version=2&against=1"])
def test_what_is_refused_leads_to_the_next_pair_of_the_same_two(visitor: Visitor, policy: Version, query: str) -> None:
    path = f"/arena/pairs/{pair_of(open_pair(visitor, f'/arena{query}'))}/votes{query}"
    visitor.send(path, fragment=True, verdict="a")
    refused = visitor.send(path, fragment=True, verdict="b")
    assert refused.status_code == 409
    assert re.findall(r'href="([^"]+)"[^>]*>\s*([^<]+?)\s*<', unescape(refused.text)) == [
        (f"/arena{query}", "Next pair")
    ]
    assert policy.id


def test_what_is_settled_is_not_asked_any_more(server: LiveServer, visitor: Visitor, policy: Version) -> None:
    page = open_pair(visitor)
    for _ in range(10):
        with server.runtime.read() as session:
            first = pairs.get_pair(session, pair_of(page)).version_a_id == policy.id
        vote(visitor, page, "a" if first else "b", query="?more=1")
        page = open_pair(visitor, "/arena?more=1")
    settled = visitor.get("/arena")
    assert "It is settled: people prefer Policy 2 to SFT model 1." in words_of(settled)
    assert "vote-form" not in settled
    assert "Vote on all the same" in settled
    assert "vote-form" in page
    with server.runtime.read() as session:
        assert session.query(Pair).count() > 10


def test_an_alarm_without_answers_that_show_it_has_no_fold(
    server: LiveServer, visitor: Visitor, policy: Version
) -> None:
    """Its evaluation praises it; no answer that was voted on has a score."""
    figures = {"reward/mean": 1.2, "reward/reference_mean": 0.2, "reward/difference_error": 0.1}
    with transaction(server.runtime.write) as session:
        session.get_one(Version, policy.id).metrics = {"evaluation": figures}
    page = open_pair(visitor)
    with transaction(server.runtime.write) as session:
        shown = pairs.get_pair(session, pair_of(page))
        for number in range(60):
            pair = Pair(
                prompt_id=shown.prompt_id, source=shown.source, version_a_id=policy.id, version_b_id=1,
                text_a="a", text_b="b", token_ids_a=[4], token_ids_b=[4], finish_reason_a="stop",
                finish_reason_b="stop", seed=number, settings={}, status=PairStatus.VOTED,
                labeler_id=shown.labeler_id,
            )  # fmt: skip
            session.add(pair)
            session.flush()
            session.add(Vote(pair_id=pair.id, labeler_id=shown.labeler_id, verdict=Verdict.TIE, created_at=utc_now()))
    settled = visitor.get("/arena")
    assert 'class="notice error arena-alarm"' in settled
    assert "find little difference, which is settled" in words_of(settled)
    assert "Answers that show it" not in settled
    assert "it lies between 45% and 55%, however often one looks" in settled
    assert "Enough votes It is settled: neither wins more than 60% of votes." in words_of(settled)


def test_the_rule_says_what_it_did(server: LiveServer, visitor: Visitor, policy: Version) -> None:
    with transaction(server.runtime.write) as session:
        arena_settings.choose(session, ArenaChoice(activate_above=0.5), retrain_after=1_000)
    page = ""
    for _ in range(12):
        shown = open_pair(visitor, "/arena?more=1&version=2&against=1")
        with server.runtime.read() as session:
            first = pairs.get_pair(session, pair_of(shown)).version_a_id == policy.id
        page = words_of(vote(visitor, shown, "a" if first else "b", query="?version=2&against=1&more=1"))
        if "the rule activated" in page:
            break
    assert "the rule activated Policy 2, which answers from now on." in page
    with server.runtime.read() as session:
        assert versions.active_answerer(session).id == policy.id
    assert "Policy 2 (answers now) against SFT model 1 (reference)." in words_of(visitor.get("/arena"))


def test_a_link_elsewhere_takes_no_pair(server: LiveServer, visitor: Visitor, policy: Version) -> None:
    visitor.get("/arena")
    server.client.post("/api/v1/arena/pairs/next")  # the next one is prepared
    from_elsewhere = {"sec-fetch-site": "cross-site"}
    for _ in range(3):
        page = visitor.client.get("/arena", headers=from_elsewhere).text
        assert "vote-form" not in page
    assert policy.id
