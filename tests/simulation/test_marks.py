"""Words, list lines, sentences, order words and names are counted as a person would count them."""

import pytest

from app.simulation import marks


def test_words_are_counted_in_both_scripts() -> None:
    assert marks.count_words("It's a well-known fact, 3 times.") == 6
    assert marks.count_words("火山是山") == pytest.approx(4 / 1.5)
    assert marks.count_words("") == 0


def test_list_lines_need_a_mark_and_a_text_of_their_own() -> None:
    assert marks.count_list_lines("A volcano:\n- throws out melted rock\n- can sleep for years") == 2
    assert marks.count_list_lines("1. one\n2) two\n3.\n- \nnone - here") == 2
    assert marks.count_list_lines("- the same\n- The same\n- the same") == 1


def test_ornaments() -> None:
    assert marks.count_ornaments("It is so. Is it?") == 0
    assert marks.count_ornaments("Yes! **Bold** 😀\n# Title\n- point") == 6


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("First, wash it. Then cut it. Finally, eat it.", 1.0),
        ("Finally, eat it. Then cut it. First, wash it.", 1 / 3),
        ("Then cut it. First, wash it.", 1 / 3),
        ("Wash it. Cut it.", 0.0),
        ("1. Wash it.\n2. Cut it.\n3. Eat it.", 1.0),
        ("2. Cut it.\n1. Wash it.\n3. Eat it.", 0.0),
        ("首先洗一洗，然后切开，最后吃掉。", 1.0),
    ],
)
def test_order_words_count_where_they_stand(text: str, share: float) -> None:
    assert marks.order_words_in_order(text) == pytest.approx(share)


def test_names_of_categories_in_both_numbers_and_languages() -> None:
    names = marks.names_of("birds", "鸟")
    assert {"owl", "owls"} <= names
    count = marks.naming(names)
    assert count("An owl and another OWL.") == 1
    assert count("The bowl is full.") == 0
    assert count(next(name for name in sorted(names) if not name.isascii())) == 1


@pytest.mark.parametrize(
    ("plural", "one"), [("cherries", "cherry"), ("foxes", "fox"), ("owls", "owl"), ("glass", "glass")]
)
def test_singular(plural: str, one: str) -> None:
    assert marks.singular(plural) == one
