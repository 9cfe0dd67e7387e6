"""The page of what follows from votes."""

import pytest

from app.services.arena import arena_settings
from app.services.arena.arena_settings import ArenaChoice
from tests.live import LiveServer
from tests.web.visitor import Visitor, words_of

PATH = "/arena/settings"


def chosen(server: LiveServer) -> ArenaChoice:
    with server.runtime.read() as session:
        return arena_settings.chosen(session)


def test_it_is_off_says_what_on_means_and_keeps_what_is_chosen(server: LiveServer, visitor: Visitor) -> None:
    page = visitor.get(PATH)
    assert "checked" not in page.split('name="train_on_votes"')[1].split(">")[0]
    assert "Votes on held-out prompts are never trained on." in words_of(page)
    saved = visitor.send(PATH, train_on_votes="on", bar="55,5")
    assert "Saved. It holds from the next vote on." in saved.text
    assert chosen(server) == ArenaChoice(train_on_votes=True, activate_above=0.555)
    assert 'value="55.5"' in visitor.get(PATH)
    visitor.send(PATH, bar="")
    assert chosen(server) == ArenaChoice()


@pytest.mark.parametrize(
    ("bar", "says"), [("half", "a number of percent"), ("40", "from 50% to 95%"), ("nan", "from 50%")]
)
def test_a_bar_that_is_none_is_refused_and_stays_in_the_form(
    server: LiveServer, visitor: Visitor, bar: str, says: str
) -> None:
    refused = visitor.send(PATH, train_on_votes="on", bar=bar)
    assert refused.status_code == 422
    assert says in words_of(refused.text)
    assert f'value="{bar}"' in refused.text
    assert chosen(server) == ArenaChoice()
