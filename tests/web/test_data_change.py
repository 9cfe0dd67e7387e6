"""One's own ranking opened for change: what is sent, what is told of it, and what an old page comes to."""

import re

import httpx2
from sqlalchemy import func, select

from app.db.models.rankings import Ranking
from tests.live import LiveServer
from tests.web.test_data import own_name, rank_one
from tests.web.visitor import Visitor, words_of


def change(server: LiveServer, visitor: Visitor, ranking_id: int, order: str, **more: str) -> httpx2.Response:
    """Sends another order."""
    with server.runtime.read() as session:
        ranks = session.get_one(Ranking, ranking_id).ranks
    form = {f"rank-{answer}": rank for answer, rank in zip(ranks, order, strict=True)} | more
    return visitor.send(f"/data/rankings/{ranking_id}/change", fragment=False, **form)


def newest_ranking(server: LiveServer) -> int:
    with server.runtime.read() as session:
        return session.scalar(select(func.max(Ranking.id))) or 0


def test_ones_own_opens_for_change_and_nothing_is_lost_until_another_order_is_sent(
    server: LiveServer, visitor: Visitor
) -> None:
    mine, other = rank_one(server, own_name(visitor), "as it was"), rank_one(server, "ada")
    path = f"/data/rankings/{mine}/change"
    assert f'href="{path}"' in visitor.get(f"/data/rankings/{mine}")
    page = visitor.get(path)
    assert len(re.findall(r'value="\d" required checked', page)) == 4, "its order is in it"
    assert "as it was</textarea>" in page
    assert 'href="/versions/1"' not in page, "who wrote which is not told here"
    refused = change(server, visitor, mine, "1999", comment="<kept>")
    assert (refused.status_code, "&lt;kept&gt;</textarea>" in refused.text) == (422, True)
    assert "Ranks go from 1 (best) to 4." in words_of(refused.text)
    assert re.findall(r'value="(\d)" required checked', refused.text) == ["1"], "what was sent stands there"
    assert newest_ranking(server) == other
    assert f'id="ranking-{mine}"' in visitor.get("/data?who=mine"), "it counts as before"
    changed = change(server, visitor, mine, "4321", comment="new")
    now = newest_ranking(server)
    assert (changed.status_code, changed.url.path) == (200, f"/data/rankings/{now}")
    assert "This is the ranking that counts now." in words_of(changed.text)
    assert change(server, visitor, mine, "4321", comment="new").url.path.endswith(f"/{now}")
    assert newest_ranking(server) == now, "sent twice, changed once"
    old = visitor.client.get(path)
    assert old.status_code == 409, "it does not count any more"
    assert f'href="/data/rankings/{now}">Look at ranking {now}</a>' in old.text
    stale = change(server, visitor, mine, "2134", comment="of an old page")
    assert (stale.status_code, newest_ranking(server)) == (409, now)
    assert f"number {now} counts now, and it was not changed. What you sent stands here" in words_of(stale.text)
    assert f'action="/data/rankings/{now}/change"' in stale.text
    assert "of an old page</textarea>" in stale.text
    visitor.send(f"/data/rankings/{now}/withdraw")
    lost = change(server, visitor, now, "1234")
    assert (lost.status_code, f'href="/data/rankings/{now}">Look at ranking {now}</a>' in lost.text) == (409, True)
    assert f'id="ranking-{mine}"' in visitor.get("/data?state=withdrawn")


def stored(server: LiveServer) -> list[tuple[object, ...]]:
    """All that a change could change."""
    with server.runtime.read() as session:
        rows = session.scalars(select(Ranking).order_by(Ranking.id)).all()
        return [(each.id, each.ranks, each.comment, each.duration_ms, each.withdrawn_at) for each in rows]


def test_an_order_that_is_the_same_is_told_as_such(server: LiveServer, visitor: Visitor) -> None:
    """Page and API, however its ranks are numbered."""
    mine = rank_one(server, own_name(visitor), "as it was")
    before, who = stored(server), {"X-Labeler": own_name(visitor)}
    ranks = before[-1][1]
    assert isinstance(ranks, dict)
    same = "".join(str(rank) for rank in ranks.values())
    kept = change(server, visitor, mine, same, comment="as it was", duration_ms="77")
    assert kept.url.path == f"/data/rankings/{mine}"
    assert "Nothing was changed: this order counts already, with this comment." in words_of(kept.text)
    assert "This is the ranking that counts now." not in kept.text
    url, body = f"/api/v1/rankings/{mine}", {"ranks": ranks, "comment": "as it was"}
    assert server.client.put(url, json=body, headers=who).json() == {"ranking_id": mine, "changed": False}
    assert stored(server) == before
    changed = server.client.put(url, json=body | {"comment": "another"}, headers=who).json()
    assert changed == {"ranking_id": newest_ranking(server), "changed": True}
    assert server.client.put(url, json=body | {"comment": "another"}, headers=who).json() == changed, "sent twice"


def test_only_ones_own_is_changed(server: LiveServer, visitor: Visitor) -> None:
    other = rank_one(server, "ada")
    path = f"/data/rankings/{other}/change"
    assert "somebody else" in visitor.client.get(path).text
    assert change(server, visitor, other, "4321").status_code == 409
    assert visitor.client.get("/data/rankings/999/change").status_code == 404
    url = f"/api/v1/rankings/{other}"
    with server.runtime.read() as session:
        ranks = dict(zip(session.get_one(Ranking, other).ranks, [4, 3, 2, 1], strict=True))
    refused = server.client.put(url, json={"ranks": ranks}, headers={"X-Labeler": "bob"})
    assert refused.status_code == 409
    done = server.client.put(url, json={"ranks": ranks, "comment": "x"}, headers={"X-Labeler": "ada"})
    assert done.json() == {"ranking_id": newest_ranking(server), "changed": True}
    listed = server.client.get("/api/v1/rankings").json()["items"]
    assert [(each["ranks"], each["comment"]) for each in listed] == [(ranks, "x")]


def test_an_own_answer_is_changed_with_the_rest(server: LiveServer, visitor: Visitor) -> None:
    mine = rank_one(server, own_name(visitor))
    change(server, visitor, mine, "2345", **{"own_answer": "A better one", "rank-own": "1"})
    page = visitor.get(f"/data/rankings/{newest_ranking(server)}/change")
    assert "A better one</textarea>" in page
    assert re.search(r'name="rank-own" value="1" checked', page)
