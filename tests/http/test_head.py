"""HEAD is answered wherever GET is: the same head, no body, and nothing is changed."""

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import func, select

from app.chat import Message
from app.db.models.groups import Group, GroupStatus
from app.db.models.jobs import Job
from app.db.models.labelers import Labeler
from app.db.models.prompts import PromptSource
from app.db.session import transaction
from app.formats.languages import Asked
from app.services.labeling import groups, labelers
from app.services.labeling.label_settings import Writers
from app.services.prompts import prompts
from app.services.sampling.group_sampling import page_params
from app.services.versions import versions
from tests.live import LiveServer

HTML = {"accept": "text/html"}
STREAMED = {"/api/v1/jobs/{job_id}/events", "/groups/{group_id}/stream"}


def paths_of(server: LiveServer) -> list[str]:
    routes = iter_route_contexts(server.app.routes)
    found = {str(route.path_format) for route in routes if route.methods and "GET" in route.methods}
    return sorted(found - STREAMED)


def filled(path: str) -> str:
    for name in ("version_id", "group_id", "prompt_id", "ranking_id"):
        path = path.replace(f"{{{name}}}", "1")
    return path.replace("{job_id}", "none").replace("{model}", "none").replace("{model_id}", "none")


def test_every_get_answers_head_alike(server: LiveServer) -> None:
    paths = paths_of(server)
    assert {"/", "/healthz", "/train", "/api/v1/versions"} <= set(paths)
    for path in map(filled, paths):
        got, head = server.client.get(path, headers=HTML), server.client.head(path, headers=HTML)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers.get("content-type") == got.headers.get("content-type"), path


def test_the_length_of_the_body_is_told(server: LiveServer) -> None:
    got, head = server.client.get("/healthz"), server.client.head("/healthz")
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))


def test_an_address_that_only_takes_posts_refuses_it(server: LiveServer) -> None:
    refused = server.client.head("/api/v1/groups/next")
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")


@pytest.mark.parametrize("path", ["/", "/card"])
def test_no_card_is_taken(server: LiveServer, path: str) -> None:
    server.runtime.group_sampling.sample_ready(Asked(frozenset({"en"})))  # as the page would ask for it
    with httpx2.Client(base_url=server.url, headers=HTML, follow_redirects=True) as stranger:
        assert stranger.head(path).status_code == 200
    with server.runtime.read() as session:
        assert session.scalar(select(func.count()).where(Group.status == GroupStatus.LEASED)) == 0
        assert session.scalar(select(func.count()).select_from(Labeler)) == 0


def test_no_answers_are_begun_and_no_stream_is_read(server: LiveServer) -> None:
    server.client.get("/", headers=HTML)
    with transaction(server.runtime.write) as session:
        owner = labelers.get_or_create_labeler(session, "local")
        prompt = prompts.add_prompt(session, messages=[Message(role="user", content="Why?")], source=PromptSource.OWN)
        group = groups.open_group(
            session,
            groups.NewGroup(
                prompt=prompt,
                writers=Writers.all_by(versions.active_answerer(session).id),
                params=page_params(server.settings),
                seed=1,
            ),
            leased_to=owner,
        )
        number = group.id
    head = server.client.head(f"/groups/{number}/stream")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert ("stream", 1) not in server.runtime.engine._engine.calls  # type: ignore[attr-defined]


def test_the_events_of_a_job_end_at_once(server: LiveServer) -> None:
    with transaction(server.runtime.write) as session:
        session.add(Job(id="waits", kind="train_reward", dedup_key="waits"))
    head = server.client.head("/api/v1/jobs/waits/events")
    assert (head.status_code, head.content) == (200, b"")
    assert server.client.head("/api/v1/jobs/none/events").status_code == 404
