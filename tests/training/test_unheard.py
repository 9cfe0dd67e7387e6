"""What never goes on so: told by what a training set's answers hold."""

from app.training.unheard import HAN, LATIN, OFTEN_ASKED, STILL_UNHEARD, Pieces, Unheard

PIECES = [
    b"", b" gar", b"den", b"lic", b" a", b".", "月".encode(), "遠".encode()[:2], "遠".encode()[2:], b" to", b"'t",
    b"Gar",
]  # fmt: skip
END, GAR, DEN, LIC, A, DOT, MOON, FAR, REST, TO, NOT, CAPITAL = range(len(PIECES))
OFTEN = round(1 / STILL_UNHEARD)


def _answers(*texts: list[int], times: int = OFTEN) -> list[tuple[list[int], range]]:
    """Each an answer behind a special token."""
    return [([END, *text, END], range(1, len(text) + 2)) for text in texts for _ in range(times)]


def _never(heard: Unheard, tokens: list[int]) -> set[int]:
    """Behind the last of the tokens."""
    [never] = heard.never(heard.numbers(tokens)[-1:])
    return set(never.nonzero().flatten().tolist())


def test_words_go_on_by_letters_and_parts_of_characters() -> None:
    pieces = Pieces.of(PIECES)
    begun = list(pieces.words_begun([END, GAR, DEN, A, NOT, DOT, DEN, MOON, FAR, REST, END]))
    assert begun == [(), (GAR,), (GAR, DEN), (A,), (NOT,), (), (DEN,), (MOON,), (FAR,), (FAR, REST), ()]


def test_a_word_goes_on_as_it_was_heard_alone() -> None:
    heard = Unheard.learned(PIECES, _answers([GAR, DEN, DOT], [GAR, LIC, A], [FAR, REST, A, MOON]))
    both = [A, MOON]  # nothing of the scripts: the conversation has both
    assert _never(heard, [*both, GAR]) == set(range(len(PIECES))) - {DEN, LIC}, "nor may it end there"
    assert _never(heard, [*both, GAR, DEN]) == {DEN, LIC, REST, CAPITAL}, (
        "it is a whole word: what is no part of it may follow"
    )
    assert _never(heard, [*both, GAR, DOT]) == {REST}, "a new word begins"
    assert _never(heard, [*both, TO]) == {REST}, "never heard, so nothing is known of it"


def test_of_characters_it_is_known_without_evidence() -> None:
    heard = Unheard.learned(PIECES, [])
    assert _never(heard, [A, MOON]) == {REST}, "it is whole"
    assert _never(heard, [A, MOON, FAR]) == set(range(len(PIECES))) - {REST}
    assert _never(heard, [A, FAR, REST]) == {REST}


def test_what_an_answer_has_from_its_question_is_no_evidence() -> None:
    """Neither that it ends, nor how it goes on, in whatever case; the answer's own words are, and the corpus's."""
    asked = ([END, GAR, LIC, END, CAPITAL, LIC, DOT, GAR, DEN, END], range(4, 10))
    heard = Unheard.learned(PIECES, [asked] * (OFTEN_ASKED - 1) + _answers([GAR, DEN]))
    assert (CAPITAL,) not in heard.of_word
    assert (CAPITAL, LIC) not in heard.of_word
    assert _never(heard, [A, MOON, GAR]) == set(range(len(PIECES))) - {DEN}
    often = Unheard.learned(PIECES, [asked] * OFTEN)
    assert _never(often, [A, MOON, DOT, CAPITAL]) == set(range(len(PIECES))) - {LIC}, (
        "many ask for it: the corpus has it"
    )


def test_nothing_is_said_of_words_that_are_hardly_known() -> None:
    rarely = Unheard.learned(PIECES, _answers([GAR, DEN], [A, MOON], times=OFTEN - 1))
    assert _never(rarely, [A, MOON, GAR]) == {REST}
    once = _answers([GAR, LIC], [GAR, TO], times=1)
    open_still = Unheard.learned(PIECES, [*_answers([GAR, DEN], [A, MOON]), *once])
    assert _never(open_still, [A, MOON, GAR]) == {REST}, "two of what followed were heard once"


def test_only_answers_are_read() -> None:
    asked = ([END, GAR, LIC, END, GAR, DEN, END], range(4, 7))
    heard = Unheard.learned(PIECES, [asked] * OFTEN)
    assert LIC in _never(heard, [A, MOON, GAR])


def test_a_conversation_keeps_to_its_scripts() -> None:
    heard = Unheard.learned(PIECES, [])
    assert heard.pieces.scripts == [0, LATIN, LATIN, LATIN, LATIN, 0, HAN, HAN, 0, LATIN, 0, LATIN]
    assert _never(heard, [END, A, TO, DOT]) == {MOON, FAR, REST}
    assert _never(heard, [END, MOON, DOT]) == {GAR, DEN, LIC, A, TO, CAPITAL, REST}
    assert _never(heard, [END, MOON, A, DOT]) == {REST} == _never(heard, [END, DOT])


def test_like_sets_are_kept_once() -> None:
    heard = Unheard.learned(PIECES, _answers([GAR, DEN], [TO], [A], [MOON]))
    assert len(heard.sets) == 4
    assert heard.of_word[TO,] == heard.of_word[MOON,] == heard.of_word[GAR, DEN]
