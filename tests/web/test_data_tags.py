"""Tags on the data page, without scripts: added, taken away, filtered by; other people's words are text."""

import re

import pytest

from tests.live import LiveServer
from tests.web.test_data import rank_one
from tests.web.visitor import Visitor, words_of

HOSTILE = "<b>x</b> & y"


@pytest.mark.parametrize(("of", "path"), [("ranking", "/data"), ("group", "/data/groups"), ("prompt", "/data/prompts")])
def test_a_record_is_tagged_found_and_untagged(server: LiveServer, visitor: Visitor, of: str, path: str) -> None:
    ranking_id = rank_one(server, "ada")
    row = server.client.get("/api/v1/rankings").json()["items"][0]
    prompt_id = server.client.get("/api/v1/export/rankings.jsonl").json()["prompt_id"]
    number = {"ranking": ranking_id, "group": row["group_id"], "prompt": prompt_id}[of]
    assert 'id="tag"' not in visitor.get(path), "there is none to choose"
    added = visitor.send("/data/tags", of=of, id=str(number), tag=HOSTILE)
    assert "The tag was added." in words_of(added.text)
    assert added.url.path.endswith(f"/{number}")
    assert ("<b>x</b>" in added.text, "&lt;b&gt;x&lt;/b&gt; &amp; y" in added.text) == (False, True)
    listed = visitor.client.get(path, params={"tag": HOSTILE}).text
    assert f'id="{of}-{number}"' in listed
    assert re.search(r'<span class="badge tag"[^>]*>&lt;b&gt;', listed)
    assert f'id="{of}-{number}"' not in visitor.client.get(path, params={"tag": "other"}).text
    assert server.client.get(f"/api/v1/tags/{of}").json() == {"items": [{"tag": HOSTILE, "records": 1}]}
    gone = visitor.send("/data/tags", of=of, id=str(number), tag=HOSTILE, less="1")
    assert "The tag was taken away." in words_of(gone.text)
    assert server.client.get(f"/api/v1/tags/{of}/{number}").json() == {"tags": []}


def test_what_cannot_be_tagged_is_said(server: LiveServer, visitor: Visitor) -> None:
    ranking_id = str(rank_one(server, "ada"))
    for form, status in (
        ({"of": "ranking", "id": ranking_id, "tag": " "}, 422),
        ({"of": "ranking", "id": "99", "tag": "x"}, 404),
        ({"of": "labeler", "id": "1", "tag": "x"}, 422),
        ({"of": "ranking", "id": "x", "tag": "x"}, 422),
    ):
        assert visitor.send("/data/tags", fragment=False, **form).status_code == status
    put = server.client.put(f"/api/v1/tags/ranking/{ranking_id}", json={"tags": ["b", "a"]})
    assert put.json() == {"tags": ["a", "b"]}
    assert server.client.put("/api/v1/tags/group/99", json={"tags": []}).status_code == 404
