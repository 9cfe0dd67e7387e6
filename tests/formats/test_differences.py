"""What is marked as taken out of one text, and as come into the other."""

import pytest

from app.formats import differences as module
from app.formats.differences import Differences, differences


def marked(found: Differences) -> tuple[list[str], list[str]]:
    return ([each.text for each in found.before if each.changed], [each.text for each in found.after if each.changed])


def test_words_are_marked_and_the_texts_stay_whole() -> None:
    before, after = "Water boils at 100 degrees, I think.", "Water boils at 100 degrees."
    found = differences(before, after)
    assert marked(found) == (["degrees, I think."], ["degrees."])
    assert "".join(each.text for each in found.before) == before
    assert "".join(each.text for each in found.after) == after


def test_chinese_is_compared_by_characters() -> None:
    assert marked(differences("水在一百度沸腾。", "水在九十度沸腾。")) == (["一百"], ["九十"])


def test_blanks_are_no_difference() -> None:
    assert marked(differences("one two\nthree", "one  two three")) == ([], [])


@pytest.mark.parametrize(("before", "after"), [("", "new"), ("old", ""), ("a b c d e f", "u v w x y f")])
def test_what_was_written_anew_has_no_marks(before: str, after: str) -> None:
    found = differences(before, after)
    assert (found.alike, marked(found)) == (False, ([], []))


def test_equal_texts_have_no_marks() -> None:
    found = differences("Just the same.", "Just the same.")
    assert (found.alike, marked(found)) == (True, ([], []))


def test_of_very_long_texts_the_ends_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WORDS", 4)
    found = differences("a b c now d e f g", "a b c later d e f g")
    assert marked(found) == (["now "], ["later "])
    again = differences("a a a a a a", "a a a a a")
    assert "".join(each.text for each in again.before) == "a a a a a a"
    assert len(marked(again)[0]) == 1
