"""Two people write a name, a note or guidelines at once: the second one is shown both, and nothing is overwritten."""

import re
from html import unescape

import pytest

from app.db.models.jobs import Job, JobStatus
from app.db.session import transaction
from tests.live import LiveServer
from tests.web.test_decision import EVALUATION, add_candidate
from tests.web.visitor import Visitor, words_of

SEEN = r'name="(seen\w*)" value="([^"]*)"'


def seen_on(html: str, form: str) -> dict[str, str]:
    """What the form sends along."""
    [inside] = re.findall(rf'<form [^>]*action="[^"]*{form}[^"]*"(.*?)</form>', html, re.DOTALL)
    return {name: unescape(value) for name, value in re.findall(SEEN, inside)}


@pytest.mark.parametrize("what", ["version", "run"])
def test_names_and_notes(server: LiveServer, visitor: Visitor, what: str) -> None:
    if what == "run":
        with transaction(server.runtime.write) as session:
            session.add(Job(id="run", kind="evaluate", dedup_key="run", status=JobStatus.SUCCEEDED))
        page, api = "/train/runs/run", "/api/v1/jobs/run"
    else:
        number = add_candidate(server, EVALUATION)
        page, api = f"/versions/{number}", f"/api/v1/versions/{number}"
    server.client.patch(api, json={"name": "First", "note": "one\n<b>two</b>"})
    old = seen_on(visitor.get(page), "rename")
    assert old == {"seen_name": "First", "seen_note": "one\n<b>two</b>"}
    server.client.patch(api, json={"note": "theirs"})
    refused = visitor.send(f"{page}/rename", name="Mine", note="my own", fragment=False, **old)
    assert refused.status_code == 409
    said = "changed the note meanwhile: now it is “theirs”. Yours was not saved: “my own”. Save again to put yours"
    assert said in words_of(refused.text)
    assert 'value="Mine"' in refused.text, "what was typed stands there"
    assert "my own</textarea>" in refused.text
    assert (server.client.get(api).json()["name"], server.client.get(api).json()["note"]) == ("First", "theirs")
    visitor.send(f"{page}/rename", name="Mine", note=old["seen_note"], fragment=False, **old)
    kept = server.client.get(api).json()
    assert (kept["name"], kept["note"]) == ("Mine", "theirs"), "what this person did not touch is the other's"
    knowing = seen_on(refused.text, "rename") | {"seen_name": "Mine"}
    assert visitor.send(f"{page}/rename", name="Mine", note="my own", fragment=False, **knowing).status_code == 200
    assert server.client.get(api).json()["note"] == "my own"
    problem = server.client.patch(api, json={"note": "again", "seen_note": "theirs"})
    assert (problem.status_code, server.client.get(api).json()["note"]) == (409, "my own")
    assert server.client.patch(api, json={"note": "again", "seen_note": "my own"}).json()["note"] == "again"


def test_guidelines(server: LiveServer, visitor: Visitor) -> None:
    path, api = "/train/label-page/guidelines", "/api/v1/guidelines"
    old = seen_on(visitor.get("/train/label-page"), "guidelines")
    server.client.put(api, json={"text": "# Theirs"})
    looked = visitor.send(path, text="Mine", action="preview", fragment=False, **old)
    assert seen_on(looked.text, "guidelines") == old, "a preview has not seen what is there by now"
    for action in ("save", "reset"):
        refused = visitor.send(path, text="Mine", action=action, fragment=False, **old)
        assert refused.status_code == 409
        assert "now they are “# Theirs”. Yours were not saved" in words_of(refused.text)
    assert server.client.get(api).json()["text"] == "# Theirs"
    assert server.client.put(api, json={"text": "x", "seen": old["seen"]}).status_code == 409
    assert (
        visitor.send(
            path, text="Mine", action="save", fragment=False, **seen_on(refused.text, "guidelines")
        ).status_code
        == 200
    )
    assert server.client.get(api).json()["text"] == "Mine"
