"""Without JavaScript a ranking, a skip and an undo are each confirmed by the page that their form leads to."""

import re

from tests.live import LiveServer
from tests.waiting import wait_for
from tests.web.test_ranking import action_of, answers_of, card
from tests.web.visitor import Visitor, words_of

__all__ = ["card"]


def told(page: str) -> str:
    [block] = re.findall(r'<div class="saved">(.*?)</div>', page, re.DOTALL) or [""]
    return words_of(block)


def ranked(visitor: Visitor, card: str) -> str:
    """The address that the form leads to."""
    answer = visitor.send(
        f"{action_of(card)}/rankings", fragment=False, **dict(zip(answers_of(card), "1223", strict=True))
    )
    assert answer.status_code == 200
    return str(answer.url)


def test_a_ranking_is_confirmed_with_its_order_and_the_way_back(visitor: Visitor, card: str) -> None:
    page = visitor.get(ranked(visitor, card))
    assert re.match(r"[A-D] › [A-D] = [A-D] › [A-D] was saved\. 999 more until the reward model learns\.", told(page))
    assert told(page).count("Undo") == 1
    [undo] = re.findall(r'action="(/rankings/\d+/withdraw)"', page)
    back = visitor.send(undo).text
    assert told(back) == "Ranking undone. Change it and submit again."


def test_a_skip_is_confirmed(visitor: Visitor, card: str) -> None:
    page = visitor.send(f"{action_of(card)}/skip", reason="other").text
    assert told(page).startswith("The prompt was skipped.")
    back = visitor.send(f"{action_of(card)}/skip/withdraw").text
    assert told(back).startswith("Skip undone. Rank the card, or skip it again.")


def test_what_is_no_longer_the_last_thing_done_is_not_told_again(visitor: Visitor, card: str) -> None:
    first = ranked(visitor, card)
    wait_for(lambda: "ranking-form" in visitor.get("/"), "next card")
    second = ranked(visitor, visitor.get("/"))
    assert told(visitor.get(first)) == "", "another ranking is the last one"
    assert told(visitor.get(second)) != ""
    wait_for(lambda: "ranking-form" in visitor.get("/"), "card after that")
    visitor.send(f"{action_of(visitor.get('/'))}/skip", reason="other")
    assert told(visitor.get(second)) == ""


def test_an_address_tells_nobody_what_they_did_not_do(server: LiveServer, visitor: Visitor, card: str) -> None:
    ranked(visitor, card)
    other = Visitor(server)
    with other.client:
        wait_for(lambda: "ranking-form" in other.get("/"), "card of another")
        for query in ("ranking=1", "ranking=x", "skip=1", "skip=", "undone=no"):
            assert told(other.get(f"/?{query}")) == ""
