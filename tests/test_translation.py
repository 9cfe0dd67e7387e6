"""Messages speak the language of the context that they are asked for in."""

import threading

import pytest
from anyio import to_thread
from babel.support import Translations

from app import translation
from app.translation import N_, _, language, ngettext, script_messages, sentences, speaking


class _Shouting(Translations):
    def gettext(self, message: object) -> str:
        return str(message).upper().replace("{NAME}", "{name}")

    def ngettext(self, msgid1: str, msgid2: str, num: int) -> str:
        return f"{{n}} of {num}: {msgid1}/{msgid2}"


@pytest.fixture(autouse=True)
def _loud(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = translation._translations
    monkeypatch.setattr(translation, "_translations", lambda code: _Shouting() if code == "loud" else ask(code))


def test_english_is_as_it_is_written() -> None:
    assert _("No {thing} here") == "No {thing} here"
    assert _("No {thing} here", thing="{x}") == "No {x} here"
    assert (ngettext("{n} answer", "{n} answers", 1), ngettext("{n} answer", "{n} answers", 0)) == (
        "1 answer",
        "0 answers",
    )
    assert ngettext("{n} answer", "{n} answers", 1000, n="1,000") == "1,000 answers"
    assert N_("mark") == "mark"


def test_nothing_is_nothing_in_every_language() -> None:
    """gettext answers an empty message with the head of the catalogue."""
    with speaking("zh"):
        assert _("") == ""


def test_sentences_stand_one_behind_the_other_as_the_language_writes_them() -> None:
    assert sentences("Losses", "", "They fell.", "Why?") == "Losses. They fell. Why?"
    assert sentences() == ""
    with speaking("zh"):
        assert sentences("损失", "先降后升。", "“好？”", "（完。）") == "损失。先降后升。“好？”（完。）"


def test_inside_it_is_the_other_language_and_afterwards_not() -> None:
    with speaking("loud"):
        assert (_("hello {name}", name="you"), language()) == ("HELLO you", "loud")
        assert ngettext("a", "b", 7) == "7 of 7: a/b"
    assert (_("hello"), language()) == ("hello", "en")


@pytest.mark.anyio
async def test_a_thread_that_a_request_waits_for_speaks_its_language() -> None:
    with speaking("loud"):
        assert await to_thread.run_sync(_, "hello") == "HELLO"


def test_a_thread_of_its_own_begins_in_english() -> None:
    said = list[str]()
    with speaking("loud"):
        thread = threading.Thread(target=lambda: said.append(_("hello")))
        thread.start()
        thread.join()
    assert said == ["hello"]


def test_scripts_get_their_messages_only() -> None:
    assert script_messages("en") == {}
    assert "Skip to content" not in script_messages("zh")
