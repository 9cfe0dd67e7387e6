"""The data page as a browser without JavaScript uses it: rankings, votes, groups and labelers."""

import json
import random
import re
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from app.db.base import utc_now
from app.db.models.groups import Group, GroupStatus
from app.db.models.labelers import LabelerKind
from app.db.models.rankings import Ranking
from app.db.models.versions import VersionRanking
from app.db.session import transaction
from app.services.labeling import label_settings, repeats
from app.services.labeling.label_settings import LabelChoice
from app.services.labeling.labelers import get_or_create_labeler
from app.services.views import record_window
from tests.api.conftest import ranks_of
from tests.live import LiveServer, take_card
from tests.web.test_prediction import add_reward
from tests.web.visitor import Visitor, words_of

TABS = ("/data", "/data/prompts", "/data/votes", "/data/groups", "/data/labelers")


def rank_one(server: LiveServer, labeler: str, comment: str = "", ranks: Sequence[int] = (1, 2, 2, 4)) -> int:
    """A card ranked by the API; the ranking's id."""
    headers = {"X-Labeler": labeler}
    card = take_card(server.client, headers)
    given = dict(zip(ranks_of(card), ranks, strict=True))
    path = f"/api/v1/groups/{card['group_id']}/rankings"
    answer = server.client.post(path, json={"ranks": given, "comment": comment, "duration_ms": 4_000}, headers=headers)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["ranking_id"])


def own_name(visitor: Visitor) -> str:
    page = visitor.get("/data/labelers")
    [name] = re.findall(r'id="labeler-name" name="name" value="([^"]+)"', page)
    return str(name)


@pytest.mark.parametrize("path", TABS)
def test_an_empty_installation_says_where_to_begin(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    assert page.count('aria-current="page"') >= 2  # in the navigation, and of the tabs
    assert ('class="empty"' in page) == (path != "/data/prompts")
    assert "Nobody has ranked anything yet." in words_of(page) or path != "/data"


def test_the_former_address_leads_to_the_prompts(visitor: Visitor) -> None:
    answer = visitor.client.get("/prompts?show=archived&q=x")
    assert (answer.url.path, answer.url.query) == ("/data/prompts", b"show=archived&q=x")
    answer = visitor.client.get("/data/rankings?who=mine")
    assert (answer.url.path, answer.url.query) == ("/data", b"who=mine"), "as its siblings are called"


def test_a_ranking_is_listed_and_opened(server: LiveServer, visitor: Visitor) -> None:
    ranking_id = rank_one(server, "ada", "Plain <b>words</b>")
    page = visitor.get("/data")
    assert "A › B = C › D" in page
    assert "A, then B tied with C, then D" in page
    assert "Plain &lt;b&gt;words&lt;/b&gt;" in page
    assert "Rankings 1" in words_of(page)
    opened = visitor.get(f"/data/rankings/{ranking_id}")
    assert "no version yet: the next reward model reads it" in opened
    assert 'href="/versions/1"' in opened
    assert "Withdraw it" not in opened, "it is ada's"
    with transaction(server.runtime.write) as session:
        session.add(VersionRanking(version_id=1, ranking_id=ranking_id))
    assert "no version yet" not in visitor.get(f"/data/rankings/{ranking_id}")
    assert visitor.client.get("/data/rankings/999").status_code == 404


def test_ones_own_is_withdrawn_and_put_back(server: LiveServer, visitor: Visitor) -> None:
    mine, other = rank_one(server, own_name(visitor)), rank_one(server, "ada")
    refused = visitor.send(f"/data/rankings/{other}/withdraw")
    assert (refused.status_code, "somebody else" in refused.text) == (409, True)
    done = visitor.send(f"/data/rankings/{mine}/withdraw")
    assert "no training learns from it any more" in done.text
    assert f'id="ranking-{mine}"' not in visitor.get("/data")
    assert f'id="ranking-{mine}"' in visitor.get("/data?state=withdrawn")
    with server.runtime.read() as session:
        group = session.scalars(select(Group).join(Ranking).where(Ranking.id == mine)).one()
        assert group.status is GroupStatus.RANKED, "nobody is asked again"
    assert "counts again" in visitor.send(f"/data/rankings/{mine}/restore").text
    assert f'id="ranking-{mine}"' in visitor.get("/data?who=mine")
    assert visitor.send("/data/rankings/999/restore").status_code == 404


def test_ones_own_leads_to_what_the_reward_model_says(server: LiveServer, visitor: Visitor) -> None:
    mine, other = rank_one(server, own_name(visitor)), rank_one(server, "ada")
    assert "/prediction" not in visitor.get(f"/data/rankings/{mine}"), "there is no reward model"
    add_reward(server)
    assert f'href="/rankings/{mine}/prediction"' in visitor.get(f"/data/rankings/{mine}")
    assert "/prediction" not in visitor.get(f"/data/rankings/{other}"), "the page speaks to who gave it"
    visitor.send(f"/data/rankings/{mine}/withdraw")
    assert "/prediction" not in visitor.get(f"/data/rankings/{mine}")


def test_a_card_of_somebody_else_is_not_called_once_yours(server: LiveServer, visitor: Visitor) -> None:
    mine = take_card(server.client, {"X-Labeler": own_name(visitor)})["group_id"]
    other = take_card(server.client, {"X-Labeler": "ada"})["group_id"]
    refused = visitor.client.get(f"/groups/{other}")
    assert refused.status_code == 409
    assert "This card is not yours: somebody else has it now." in words_of(refused.text)
    visitor.send(f"/groups/{mine}/skip", reason="other")
    assert "This card is not yours any more: it was skipped." in words_of(visitor.client.get(f"/groups/{mine}").text)


def test_to_change_what_was_withdrawn_in_another_tab_opens_its_card_as_well(
    server: LiveServer, visitor: Visitor
) -> None:
    mine = rank_one(server, own_name(visitor))
    visitor.send(f"/data/rankings/{mine}/withdraw")
    card = visitor.send(f"/rankings/{mine}/withdraw")
    assert (card.status_code, card.url.path.startswith("/groups/"), "ranking-form" in card.text) == (200, True, True)
    with transaction(server.runtime.write) as session:
        group = session.scalars(select(Group).join(Ranking).where(Ranking.id == mine)).one()
        ranks = session.get_one(Ranking, mine).ranks
    sent = {f"rank-{answer}": str(rank) for answer, rank in ranks.items()}
    visitor.send(f"/groups/{group.id}/rankings", fragment=True, **sent)
    with server.runtime.read() as session:
        assert session.get_one(Group, group.id).status is GroupStatus.RANKED
    refused = visitor.send(f"/rankings/{mine}/withdraw")
    assert refused.status_code == 409, "it was ranked anew"
    with server.runtime.read() as session:
        assert session.get_one(Group, group.id).status is GroupStatus.RANKED, "and stays so"


def test_a_ranking_of_a_file_that_is_not_in_yet_is_not_there(server: LiveServer, visitor: Visitor) -> None:
    mine = rank_one(server, own_name(visitor))
    with transaction(server.runtime.write) as session:
        session.scalars(select(Group).join(Ranking).where(Ranking.id == mine)).one().import_id = 7
        session.get_one(Ranking, mine).withdrawn_at = utc_now()
    assert visitor.client.get(f"/data/rankings/{mine}").status_code == 404
    assert visitor.send(f"/data/rankings/{mine}/restore").status_code == 404
    assert server.client.delete(f"/api/v1/rankings/{mine}", headers={"X-Labeler": own_name(visitor)}).status_code == 404
    listed = server.client.get("/api/v1/rankings", params={"include_withdrawn": True}).json()
    assert listed["items"] == []


def test_what_was_given_out_again_stays_withdrawn(server: LiveServer, visitor: Visitor) -> None:
    mine = rank_one(server, own_name(visitor))
    visitor.send(f"/data/rankings/{mine}/withdraw")
    with transaction(server.runtime.write) as session:
        group = session.scalars(select(Group).join(Ranking).where(Ranking.id == mine)).one()
        group.status = GroupStatus.READY
    refused = visitor.send(f"/data/rankings/{mine}/restore")
    assert (refused.status_code, "stays withdrawn" in refused.text) == (409, True)


def test_groups_in_both_orders(server: LiveServer, visitor: Visitor) -> None:
    first, second = (take_card(server.client, {"X-Labeler": who})["group_id"] for who in ("ada", "bob"))
    places = [visitor.get(f"/data/groups{query}") for query in ("", "?sort=oldest")]
    newest, oldest = ([int(each) for each in re.findall(r'id="group-(\d+)"', page)] for page in places)
    assert oldest == sorted(newest)
    assert newest == oldest[::-1]
    assert {first, second} <= set(oldest)
    assert 'value="oldest" selected' in places[1]


def test_filters_and_orders(server: LiveServer, visitor: Visitor) -> None:
    by_ada, by_bob = rank_one(server, "ada", "Marvellous 100%"), rank_one(server, "bob")
    with transaction(server.runtime.write) as session:
        bob = get_or_create_labeler(session, "bob")
        bob.kind = LabelerKind.SIMULATED
        slow = session.get(Ranking, by_ada)
        assert slow is not None
        slow.duration_ms = 90_000
        bob_id = bob.id

    def shown(query: str) -> list[int]:
        return [int(each) for each in re.findall(r'id="ranking-(\d+)"', visitor.get(f"/data{query}"))]

    assert shown("") == [by_bob, by_ada]
    assert shown("?sort=oldest") == [by_ada, by_bob]
    assert shown("?sort=slowest") == [by_ada, by_bob]
    assert shown("?sort=quickest") == [by_bob, by_ada]
    assert shown("?q=MARVELLOUS+100%25") == [by_ada]
    assert shown("?q=%25%25") == []
    assert shown("?who=simulated") == [by_bob]
    assert shown("?who=person") == [by_ada]
    assert shown(f"?who={bob_id}") == [by_bob]
    assert shown("?who=mine") == []
    assert shown("?comment=1") == [by_ada]
    assert shown("?language=xx") == []
    assert shown("?sort=elsewhere&who=nobody&state=7") == [by_bob, by_ada]
    assert shown("?after=nonsense") == shown("?after=-1") == [by_bob, by_ada], "from the first page on, and it says so"
    assert shown("?sort=slowest&after=12") == [by_ada, by_bob]


HOSTILE = ("\0", "%", "_", "\\", "'", "x" * 5_000, "9" * 50, "-1", "\ud7ff", "1-2-3", "٣")


@pytest.mark.parametrize("path", TABS)
def test_no_value_in_the_address_breaks_a_list(visitor: Visitor, path: str) -> None:
    for name in ("q", "who", "state", "sort", "language", "comment", "verdict", "prompt", "kind", "show"):
        for value in HOSTILE:
            assert visitor.client.get(path, params={name: value}).status_code == 200, (name, value)
    for value in HOSTILE:
        assert visitor.client.get(path, params={"after": value}).status_code in (200, 422), value


def test_a_search_goes_on_behind_what_was_looked_through(
    server: LiveServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rank_one(server, "ada", "needle")
    rank_one(server, "ada")
    rank_one(server, "ada")
    monkeypatch.setattr(record_window, "LOOKED_THROUGH", 2)
    page = visitor.get("/data?q=needle")
    assert "There are many rankings: keep searching." in words_of(page)
    [address] = re.findall(r'rel="next" href="([^"]+)"', page)
    assert f'id="ranking-{first}"' in visitor.get(address.replace("&amp;", "&"))


def test_groups_tell_nothing_that_is_still_to_be_judged(server: LiveServer, visitor: Visitor) -> None:
    ranking_id = rank_one(server, "ada")
    open_card = take_card(server.client, {"X-Labeler": "bob"})
    with server.runtime.read() as session:
        ranked = session.scalars(select(Ranking.group_id).where(Ranking.id == ranking_id)).one()
    page = visitor.get("/data/groups")
    assert f'id="group-{ranked}"' in page
    assert f'id="group-{ranked}"' not in visitor.get("/data/groups?state=leased")
    with server.runtime.read() as session:
        prompt_id = session.scalars(select(Group.prompt_id).where(Group.id == ranked)).one()
        same = set(session.scalars(select(Group.id).where(Group.prompt_id == prompt_id)))
    of_prompt = re.findall(r'id="group-(\d+)"', visitor.get(f"/data/groups?prompt={prompt_id}"))
    assert set(map(int, of_prompt)) == same
    assert f'id="ranking-{ranking_id}"' in visitor.get(f"/data/groups/{ranked}")
    assert "Answer A" in words_of(visitor.get(f"/data/groups/{ranked}"))
    hidden = visitor.get(f"/data/groups/{open_card['group_id']}")
    assert "to be judged blind" in hidden
    assert "Answer A" not in words_of(hidden)
    assert visitor.client.get("/data/groups/999").status_code == 404


def test_the_labelers_page_says_how_many_cards_two_people_ranked_and_what_to_do_where_there_are_none(
    server: LiveServer, visitor: Visitor
) -> None:
    ranking_id = rank_one(server, "ada")
    assert "once a second one ranks here" in words_of(visitor.get("/data/labelers"))
    rank_one(server, "bob")
    page = visitor.get("/data/labelers")
    assert "No card goes to a second person" in words_of(page)
    assert 'href="/train/label-page#second_percent"' in page
    rng = random.Random(5)
    rng.random = lambda: 0.0  # type: ignore[method-assign]
    with transaction(server.runtime.write) as session:
        label_settings.choose(session, LabelChoice(second_share=0.25))
        bob = get_or_create_labeler(session, "bob")
        first = session.get_one(Ranking, ranking_id).group_id
        group = repeats.card_again(session, bob, now=utc_now(), tags=None, rng=rng)
        assert group is not None
        assert group.second_of == first
    assert "25% of the cards go to one" in words_of(visitor.get("/data/labelers"))
    assert rank_one(server, "bob") > ranking_id
    page = visitor.get("/data/labelers")
    assert "1 card was ranked by a second person, too." in words_of(page)
    assert 'href="/train/labels#between-title"' in page
    assert "second person" in words_of(visitor.get("/data"))


def test_labelers_with_what_they_gave(server: LiveServer, visitor: Visitor) -> None:
    rank_one(server, "ada")
    rank_one(server, "bob")
    rank_one(server, "bob")
    rank_one(server, "cora")
    names = re.findall(r'<strong dir="auto">(\w+)</strong>', visitor.get("/data/labelers"))
    assert names == ["bob", "cora", "ada"]
    assert "2 rankings" in words_of(visitor.get("/data/labelers?q=BO"))
    assert "No labeler is like that." in words_of(visitor.get("/data/labelers?kind=imported"))
    newest = re.findall(r'<strong dir="auto">(\w+)</strong>', visitor.get("/data/labelers?sort=newest"))
    assert newest == ["cora", "bob", "ada"]


@pytest.mark.parametrize("path", ["/data", "/data/votes", "/data/groups", "/data/labelers"])
def test_a_form_sent_as_it_stands_filters_nothing(visitor: Visitor, path: str) -> None:
    form = visitor.get(path).partition('<form class="filters"')[2].partition("</form>")[0]
    names = re.findall(r'<(?:select|input type="search")[^>]* name="(\w+)"', form)
    first = re.findall(r'<select[^>]*>\s*<option value="([^"]*)"', form)
    assert names
    assert set(first) <= {""}, "what is chosen before anybody chose"


def test_an_empty_list_in_another_order_is_empty_all_the_same(visitor: Visitor) -> None:
    assert "Nobody has ranked anything yet." in words_of(visitor.get("/data?sort=oldest"))


def test_the_best_answer_stands_first_and_equal_ones_are_marked(server: LiveServer, visitor: Visitor) -> None:
    page = visitor.get(f"/data/rankings/{rank_one(server, 'ada', ranks=(4, 2, 2, 1))}")
    heads = [words_of(each.partition("</p>")[0]) for each in page.split('<p class="record-answer-head">')[1:]]
    assert [(each[:2], each[10:11], "tied" in each) for each in heads] == [
        ("1.", "D", False), ("2.", "B", True), ("2.", "C", True), ("4.", "A", False),
    ]  # fmt: skip


def test_a_ranking_of_a_file_is_withdrawn_and_not_ranked_anew(server: LiveServer, visitor: Visitor) -> None:
    row = {"prompt": "Why?", "chosen": "So.", "rejected": "No.", "labeler": own_name(visitor)}
    server.client.post("/api/v1/import/rankings", content=json.dumps(row).encode())
    page = visitor.get("/data/rankings/1")
    assert ("Withdraw it" in page, "Change it" in page) == (True, False)
