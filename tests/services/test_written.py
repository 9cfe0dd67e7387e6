"""Of what two people write, the second one's does not overwrite what they have not seen."""

import pytest

from app.errors import About, ConflictError, Record
from app.services.written import MOST_SHOWN, NAME, NOTE, Sent, check_seen
from app.translation import speaking

HERE = About(Record.VERSION, 7)


@pytest.mark.parametrize(
    ("there", "text", "seen", "is_kept", "overwrites"),
    [
        ("old", "mine", "old", False, False),
        ("theirs", "mine", "old", False, True),
        ("theirs", "", "old", False, True),  # taken away unseen
        ("", "mine", "old", False, True),  # they took it away
        ("theirs", "old", "old", True, False),  # left as it was seen: theirs stays
        ("theirs", "theirs", "old", False, False),  # both wrote the same
        ("theirs", "mine", None, False, False),  # a program that does not say what it saw
        ("theirs", None, "old", True, False),
        ("a\nb", "mine", "a\r\nb ", False, False),  # as forms send it
    ],
)
def test_what_is_lost(there: str, text: str | None, seen: str | None, is_kept: bool, overwrites: bool) -> None:
    sent = Sent(NOTE, there, text, seen)
    assert (sent.is_kept, sent.overwrites) == (is_kept, overwrites)


def test_it_shows_both_texts_of_each_field() -> None:
    lost = [Sent(NAME, "Theirs", "Mine", "Old"), Sent(NOTE, "", "x" * (MOST_SHOWN + 1), "a note")]
    with pytest.raises(ConflictError) as refused:
        check_seen(lost, HERE)
    assert refused.value.page_message == (
        "Somebody else changed the name meanwhile: now it is “Theirs”. Yours was not saved: “Mine”. Somebody else "
        f"changed the note meanwhile: now it is (empty). Yours was not saved: “{'x' * MOST_SHOWN}…”. Save again to put "
        "yours in its place."
    )
    assert (refused.value.about, refused.value.param) == (HERE, NAME)
    with pytest.raises(ConflictError) as refused, speaking("zh"):
        check_seen(lost[1:], HERE)
    assert refused.value.param == NOTE
    assert ". " not in refused.value.page_message
    check_seen([Sent(NAME, "Same", "Mine", "Same")], HERE)
