from hypothesis import given
from hypothesis import strategies as st

from app.formats.writers import Writer, parse_writer, shown_writer, writer_text

HASH = "0123456789abcdef" * 4
names = st.text(st.sampled_from("policy 7#\n你"), max_size=9)


@given(name=names, content_hash=st.none() | st.integers(16, 64).map(lambda digits: HASH[:digits]))
def test_what_is_stored_is_read_as_it_was(name: str, content_hash: str | None) -> None:
    writer = Writer(name, content_hash)
    assert parse_writer(writer_text(writer)) == writer


@given(text=names | st.builds("{} #{}".format, names, st.sampled_from(["2", "abc", HASH[:15], HASH + "0", HASH])))
def test_any_text_is_stored_again_as_it_is(text: str) -> None:
    """A name that only looks like one with a hash stays that name."""
    assert writer_text(parse_writer(text)) == text


def test_people_see_so_much_of_a_hash_as_tells_writers_apart() -> None:
    assert shown_writer(f"policy 7 #{HASH}") == "policy 7 #0123456789abcdef"
    assert shown_writer(shown_writer(f"policy 7 #{HASH}")) == "policy 7 #0123456789abcdef"
    assert shown_writer("labeler ada #2") == "labeler ada #2"


def test_the_columns_of_a_file_say_who_and_by_which_files() -> None:
    assert Writer("policy 7", HASH).columns() == {"written_by": "policy 7", "content_hash": HASH}
    assert Writer("", None).columns("chosen_") == {"chosen_written_by": None, "chosen_content_hash": None}
