"""Whose card, whose ranking: every browser has a name of its own, and goes on elsewhere by giving that name."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
from sqlalchemy import select

from app.db.models.groups import Group, GroupStatus
from app.db.models.labelers import Labeler, LabelerKind
from app.db.session import transaction
from app.formats.languages import Asked
from app.services.labeling.labelers import get_or_create_labeler, made_up_name
from app.web.browser_name import COOKIE
from app.web.security import CSRF_COOKIE
from tests.live import LiveServer, take_card

HTML = {"accept": "text/html"}
ENGLISH = Asked(frozenset({"en"}))
"""As the pages: a card in another language is for somebody else."""
MADE_UP = r"Browser [A-Z2-7]{4}-[A-Z2-7]{4}"
OpenBrowser = Callable[[], httpx2.Client]


@pytest.fixture
def browser(server: LiveServer) -> Iterator[OpenBrowser]:
    """Opens one with an empty jar of cookies."""
    opened: list[httpx2.Client] = []

    def open_one() -> httpx2.Client:
        opened.append(httpx2.Client(base_url=server.url, headers=HTML, follow_redirects=True))
        return opened[-1]

    yield open_one
    for client in opened:
        client.close()


def name_on(page: str) -> str:
    found = re.search(r"Ranking as <strong>(.*?)</strong>", page)
    assert found is not None
    return html.unescape(found[1])


def card_on(page: str) -> int:
    found = re.search(r"/groups/(\d+)/rankings", page)
    assert found is not None
    return int(found[1])


def form_of(page: str) -> dict[str, str]:
    names = sorted(set(re.findall(r'name="(rank-\d+)"', page)))
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', page))
    return {name: str(rank) for rank, name in enumerate(names, start=1)} | hidden


def change(client: httpx2.Client, name: str) -> httpx2.Response:
    return client.post("/labeler", data={"name": name, "csrf_token": client.cookies[CSRF_COOKIE]})


@contextmanager
def labelers_of(server: LiveServer) -> Iterator[set[str]]:
    with server.runtime.read() as session:
        yield set(session.scalars(select(Labeler.name)))


def test_two_browsers_get_cards_of_their_own_and_take_back_rankings_of_their_own(
    server: LiveServer, browser: OpenBrowser
) -> None:
    for _ in range(4):
        server.runtime.group_sampling.sample_ready(ENGLISH)
    one, two = browser(), browser()
    pages = [one.get("/").text, two.get("/").text]
    assert card_on(pages[0]) != card_on(pages[1])
    assert name_on(pages[0]) != name_on(pages[1])
    for client, page in zip((one, two), pages, strict=True):
        after = client.post(f"/groups/{card_on(page)}/rankings", data=form_of(page))
        assert after.status_code == 200
    undo = re.search(r'action="(/rankings/\d+/withdraw)"', one.get("/").text)
    assert undo is not None
    assert two.post(undo[1], data={"csrf_token": two.cookies[CSRF_COOKIE]}).status_code == 409
    back = one.post(undo[1], data={"csrf_token": one.cookies[CSRF_COOKIE]})
    assert card_on(back.text) == card_on(pages[0])


def test_the_name_stays_and_is_out_of_reach_of_scripts(server: LiveServer, browser: OpenBrowser) -> None:
    client = browser()
    first = client.get("/train")
    [cookie] = [text for text in first.headers.get_list("set-cookie") if text.startswith(COOKIE)]
    assert re.fullmatch(rf"{COOKIE}=Browser%20[A-Z2-7-]{{9}}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", cookie)
    assert re.fullmatch(MADE_UP, name_on(first.text))
    for path in ("/", "/prompts", "/train"):
        page = client.get(path)
        assert name_on(page.text) == name_on(first.text)
        assert COOKIE not in page.headers.get("set-cookie", "")
    for path in ("/api/v1/versions", "/healthz", "/static/css/base.css"):
        assert "set-cookie" not in httpx2.get(server.url + path).headers


def test_the_first_page_is_the_card_and_its_address_is_plain(server: LiveServer, browser: OpenBrowser) -> None:
    """Without JavaScript, too: the browser is sent on twice."""
    server.runtime.group_sampling.sample_ready(ENGLISH)
    page = browser().get("/")
    assert page.url.path == "/"
    assert page.url.query == b""
    assert card_on(page.text) == 1


def test_who_keeps_no_cookies_takes_no_card_and_leaves_no_row(server: LiveServer) -> None:
    """A health check, a preview of a link, a browser that blocks cookies: nothing is ever stored."""
    server.runtime.group_sampling.sample_ready(ENGLISH)
    names = set()
    for path in ("/?first", "/?first", "/card", "/train"):
        page = httpx2.get(server.url + path, headers=HTML)
        assert page.status_code == 200
        assert ("Allow cookies for this address" in page.text) is (path != "/train")
        names.add(name_on(page.text))
    assert len(names) == 4
    answer = httpx2.get(server.url, headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?first")
    with labelers_of(server) as stored, server.runtime.read() as session:
        assert stored == set()
        assert session.scalar(select(Group.status)) is GroupStatus.READY


def test_a_cookie_that_was_lost_on_the_way_is_made_anew(server: LiveServer, browser: OpenBrowser) -> None:
    """The page that is open looks for a card by itself: its first answer brings a name, the second one the card."""
    server.runtime.group_sampling.sample_ready(ENGLISH)
    client = browser()
    client.headers["hx-request"] = "true"
    assert "Allow cookies" in client.get("/card").text
    assert card_on(client.get("/card").text) == 1


@pytest.mark.parametrize("sent", ["%00", "%20", "x" * 65, "%E2%80%8B", "a%0Ab"])
def test_what_is_no_name_is_replaced(server: LiveServer, sent: str) -> None:
    page = httpx2.get(f"{server.url}/train", headers={**HTML, "cookie": f"{COOKIE}={sent}"})
    assert re.fullmatch(MADE_UP, name_on(page.text))
    assert COOKIE in page.headers["set-cookie"]


def test_another_site_takes_no_name_away(server: LiveServer) -> None:
    """What it sends comes without the cookie (SameSite); the answer must not put another one in its place."""
    answer = httpx2.post(f"{server.url}/prompts", headers={**HTML, "sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert "Ranking as" not in answer.text


def test_a_made_up_name_becomes_a_given_one_with_all_that_it_has(server: LiveServer, browser: OpenBrowser) -> None:
    for _ in range(2):
        server.runtime.group_sampling.sample_ready(ENGLISH)
    client = browser()
    page = client.get("/").text
    following = client.post(f"/groups/{card_on(page)}/rankings", data=form_of(page)).text
    renamed = change(client, " Ada\u3000Lovelace ")
    assert "You now rank as Ada Lovelace." in renamed.text
    assert card_on(renamed.text) == card_on(following)
    assert 'action="/rankings/1/withdraw"' in renamed.text
    with labelers_of(server) as stored:
        assert stored == {"Ada Lovelace"}
    listed = server.client.get("/api/v1/rankings").json()["items"]
    assert [row["labeler"] for row in listed] == ["Ada Lovelace"]


def test_a_known_name_is_gone_on_with_and_the_card_comes_along(server: LiveServer, browser: OpenBrowser) -> None:
    for _ in range(3):
        server.runtime.group_sampling.sample_ready(ENGLISH)
    laptop, phone = browser(), browser()
    page = laptop.get("/").text
    change(laptop, "ada")
    held = card_on(phone.get("/").text)
    joined = change(phone, "ada")
    assert "You continue as ada. That name is already in use" in joined.text
    assert card_on(joined.text) == held
    assert laptop.post(f"/groups/{card_on(page)}/rankings", data=form_of(page)).status_code == 200
    with server.runtime.read() as session:
        ada = session.scalar(select(Labeler.id).where(Labeler.name == "ada"))
        assert set(session.scalars(select(Group.leased_to).where(Group.status == GroupStatus.LEASED))) == {ada}


def test_a_name_that_a_person_gave_stays_with_its_rankings(server: LiveServer, browser: OpenBrowser) -> None:
    """It may be in use in other browsers."""
    for _ in range(2):
        server.runtime.group_sampling.sample_ready(ENGLISH)
    client = browser()
    client.get("/")
    page = change(client, "ada").text
    client.post(f"/groups/{card_on(page)}/rankings", data=form_of(page))
    assert "You now rank as bob." in change(client, "bob").text
    listed = server.client.get("/api/v1/rankings").json()["items"]
    assert [row["labeler"] for row in listed] == ["ada"]


def test_an_installation_of_before_goes_on_under_its_name(server: LiveServer, browser: OpenBrowser) -> None:
    """Everybody without a name was `local`: whoever gives that name has its rankings."""
    server.runtime.group_sampling.sample_ready(ENGLISH)
    group = take_card(server.client)
    client = browser()
    client.get("/")
    assert card_on(change(client, "local").text) == group["group_id"]


@pytest.mark.parametrize(
    ("typed", "words"), [("robot", "belongs to a simulated labeler"), ("a\tb", "must not contain")]
)
def test_a_refused_name_stays_in_the_form(server: LiveServer, browser: OpenBrowser, typed: str, words: str) -> None:
    with transaction(server.runtime.write) as session:
        get_or_create_labeler(session, "robot", LabelerKind.SIMULATED)
    client = browser()
    former = name_on(client.get("/").text)
    refused = change(client, typed)
    assert refused.status_code in {409, 422}
    assert words in refused.text
    assert f'value="{typed}"' in refused.text
    assert name_on(refused.text) == name_on(client.get("/").text) == former


def test_callers_of_the_api_take_no_browsers_card(server: LiveServer, browser: OpenBrowser) -> None:
    for _ in range(3):
        server.runtime.group_sampling.sample_ready(ENGLISH)
    cards = {card_on(browser().get("/").text)}
    for headers in ({}, {"X-Labeler": "a program"}):
        with httpx2.Client(base_url=server.url, headers=headers) as program:
            cards.add(take_card(program)["group_id"])
    assert len(cards) == 3


def test_made_up_names_are_all_different() -> None:
    names = {made_up_name() for _ in range(2_000)}
    assert len(names) == 2_000
    assert all(re.fullmatch(MADE_UP, name) for name in names)


def test_a_name_given_before_one_was_made_up_is_the_one_that_is_kept(browser: OpenBrowser) -> None:
    client = browser()
    client.get("/train")
    client.cookies.delete(COOKIE)
    client.follow_redirects = False
    sent = change(client, "ada").headers.get_list("set-cookie")
    assert [cookie.partition(";")[0] for cookie in sent if cookie.startswith(COOKIE)] == [f"{COOKIE}=ada"]
