"""Cleaning: repairs, filters, duplicates, and the whole step measured on faults planted on purpose."""

import unicodedata
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.corpus.articles import pretraining_documents
from app.corpus.cleaning.clean import Report, clean
from app.corpus.cleaning.duplicates import Seen
from app.corpus.cleaning.filters import loose_breaks, mixed_lines, repeated, symbols, too_short, unreadable
from app.corpus.cleaning.repair import _sentences, normalized, without_boilerplate, without_private
from app.corpus.planted_faults import FAULTS, FAULTY_SHARE, with_planted_faults
from bench.cleaning import measure

WHALE = "A whale is a very large animal that lives in the sea. It breathes air and feeds its young with milk."


def test_every_planted_fault_is_found_and_clean_text_stays() -> None:
    """Issue 3: recall of at least 0.95 for each fault, at most 1% of the clean text lost."""
    result, tally = measure(6_000, seed=3)
    assert set(result["recall"]) == set(FAULTS)
    assert min(result["recall"].values()) >= 0.95, result["recall"]
    assert result["clean_lost"] <= 0.01, result["clean_lost_by_filter"]
    assert result["clean_changed"] <= 0.01
    assert all(count > 20 for count in tally.planted.values())


def test_dirt_has_its_share_and_takes_nothing_away() -> None:
    clean_texts = list(islice(pretraining_documents(1, 3_000), 3_000))
    mixed = list(with_planted_faults(clean_texts, 1))
    assert [document.text for document in mixed if not document.fault] == clean_texts
    assert sum(bool(document.fault) for document in mixed) / len(mixed) == pytest.approx(FAULTY_SHARE, abs=0.02)
    assert mixed == list(with_planted_faults(clean_texts, 1))


@given(text=st.text(st.characters(), max_size=120))
@settings(max_examples=300)
def test_what_is_normalized_can_be_written_and_shown(text: str) -> None:
    once = normalized(text)
    once.encode("utf-8")
    assert not any(unicodedata.category(character) == "Cc" for character in once.replace("\n", ""))
    assert "  " not in once
    assert once == once.strip()


@given(text=st.text(st.sampled_from("ab .!?。\n1"), max_size=60))
def test_sentences_join_to_the_text(text: str) -> None:
    assert "".join(_sentences(text)) == text


def test_encodings_are_repaired() -> None:
    assert normalized("Itâ€™s a cafÃ©, he said") == "It’s a café, he said"
    assert normalized("a\x00b\u200b \ud83d c") == "ab \ufffd c"
    assert normalized("你好，世界。（真的！）") == "你好，世界。（真的！）", (
        "full-width punctuation is right in Chinese"
    )


def test_a_frame_goes_and_the_text_stays() -> None:
    page = (
        f"Home | News | About us\nWe use cookies. Accept all cookies?\n{WHALE}\n© 2020 Whale Weekly\n点击这里阅读全文"
    )
    assert without_boilerplate(page) == WHALE
    assert without_boilerplate("How to bake cookies\nTo read more books, put the phone away.") != ""
    recipe = "How to bake cookies\nRead more books.\nShare the cake with friends."
    assert without_boilerplate(recipe) == recipe


@pytest.mark.parametrize(
    "sentence",
    [
        "Write to anna.berg@example.org today.",
        "Call +44 203 555 0199 after six.",
        "My number is (555) 123-4567.",
        "我的电话是13912345678。",
        "The card is 4111 1111 1111 1111.",
        "The server is at 10.20.30.40.",
        "The key is sk-4f9a8b7c6d5e4f3a2b1c.",
        "Her password is otter1234.",
        "My number is 078-05-1120.",
    ],
)
def test_private_strings_go_with_their_sentence(sentence: str) -> None:
    assert without_private(f"{WHALE} {sentence} It sings.").split() == f"{WHALE} It sings.".split()


ORDINARY = (
    "12 + 30 = 42.",
    "Count: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.",
    "In 1969, on 20.7., at 12.30.",
    "A password is a secret word.",
    "密码是一个秘密的词。",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_numbers_stay(text: str) -> None:
    assert without_private(text) == text


def test_filters() -> None:
    assert too_short("Hello.")
    assert not too_short("水是一种没有颜色和味道的液体，所有生命都需要水。")
    assert unreadable(WHALE[:50] + "\ufffd" + WHALE[50:])
    assert symbols("{{|}}==>>//||" * 5)
    assert not symbols("3 + 4 = 7. 12 - 5 = 7. 6 * 7 = 42.")
    assert repeated("It rains. " * 20)
    assert not any(guilty(WHALE) for guilty in (too_short, unreadable, symbols, repeated))


def test_wrapped_lines_are_not_mixed_lines() -> None:
    """The same words: wrapped in order they stay, shuffled they go."""
    base = list(islice(pretraining_documents(2, 400), 400))
    english = next(text for text in base if text.isascii() and len(text) > 260 and "\n" not in text)
    words = english.split()
    lines = [" ".join(words[start : start + 7]) for start in range(0, len(words), 7)]
    shuffled = lines[::2] + lines[1::2]
    assert len(loose_breaks("\n".join(lines))) >= 3
    mixed = mixed_lines([*base, "\n".join(lines), "\n".join(shuffled)])
    assert len(base) not in mixed
    assert len(base) + 1 in mixed


def _verdicts(*texts: str) -> list[str | None]:
    return list(Seen().judge(texts))


def test_duplicates() -> None:
    other = "A volcano is a mountain that can throw out melted rock. Some volcanoes lie under the sea."
    assert _verdicts(WHALE, WHALE.upper() + "!", other) == [None, "exact duplicate", None]
    typo = WHALE.replace("large", "lrage").replace("milk", "mlik")
    assert _verdicts(WHALE, typo, other) == [None, "near duplicate", None]


def test_the_same_sentences_in_another_order_are_another_text() -> None:
    facts = ["A whale is a large animal.", "It lives in the sea.", "Its song can be heard far away.", "It eats krill."]
    assert _verdicts(" ".join(facts), " ".join(facts[::-1])) == [None, None]


def test_duplicates_are_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.corpus.cleaning.clean.BLOCK", 2)
    report = Report()
    texts = list(islice(pretraining_documents(4, 5), 5))
    assert list(clean([*texts, *texts], report)) == texts
    assert (report.documents_in, report.documents_out, report.dropped["exact duplicate"]) == (10, 5, 5)
