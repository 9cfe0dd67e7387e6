"""Many labelers at once over real HTTP: nobody gets another's card, nothing is saved twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2

from tests.api.conftest import Json, ranks_of
from tests.live import LiveServer, take_card

LABELERS = 8
CARDS_EACH = 4


def test_no_card_goes_to_two_labelers(server: LiveServer) -> None:
    for _ in range(10):  # some are ready, the rest must be sampled while people wait
        server.runtime.group_sampling.sample_ready()

    def label(number: int) -> list[int]:
        seen = []
        with httpx2.Client(base_url=server.url, headers={"X-Labeler": f"labeler {number}"}, timeout=30) as client:
            for _ in range(CARDS_EACH):
                group: Json = take_card(client)
                assert take_card(client) == group
                url = f"/api/v1/groups/{group['group_id']}/rankings"
                assert client.post(url, json={"ranks": ranks_of(group)}).status_code == 201
                seen.append(group["group_id"])
        return seen

    with ThreadPoolExecutor(LABELERS) as pool:
        seen = [group_id for cards in pool.map(label, range(LABELERS)) for group_id in cards]
    assert len(seen) == len(set(seen)) == LABELERS * CARDS_EACH
    assert len(server.client.get("/api/v1/rankings", params={"limit": 500}).json()["items"]) == len(seen)


def test_same_labeler_in_many_tabs_gets_one_card(server: LiveServer) -> None:
    def take(_: int) -> int:
        return int(httpx2.post(f"{server.url}/api/v1/groups/next", timeout=30).json()["group_id"])

    with ThreadPoolExecutor(LABELERS) as pool:
        assert len(set(pool.map(take, range(LABELERS)))) == 1


def test_double_click_saves_one_ranking(server: LiveServer) -> None:
    def submit_at_once(body: Json) -> list[httpx2.Response]:
        group = take_card(server.client)
        url = f"{server.url}/api/v1/groups/{group['group_id']}/rankings"
        with ThreadPoolExecutor(LABELERS) as pool:
            clicks = [pool.submit(httpx2.post, url, json={"ranks": ranks_of(group), **body}) for _ in range(LABELERS)]
            return [click.result() for click in clicks]

    with_key = submit_at_once({"idempotency_key": "click"})
    assert {response.status_code for response in with_key} == {201}
    assert len({response.json()["ranking_id"] for response in with_key}) == 1
    without_key = Counter(response.status_code for response in submit_at_once({}))
    assert without_key == {201: 1, 409: LABELERS - 1}
    assert len(server.client.get("/api/v1/rankings").json()["items"]) == 2


def test_two_people_queue_one_job(server: LiveServer) -> None:
    group = take_card(server.client)
    server.client.post(f"/api/v1/groups/{group['group_id']}/rankings", json={"ranks": ranks_of(group)})

    def queue(_: int) -> str:
        response = httpx2.post(f"{server.url}/api/v1/jobs", json={"kind": "train_reward"}, timeout=30)
        assert response.status_code == 202
        return str(response.json()["job_id"])

    with ThreadPoolExecutor(LABELERS) as pool:
        assert len(set(pool.map(queue, range(LABELERS)))) == 1
