"""The written banks are well-formed, and a malformed one says where."""

from pathlib import Path

import pytest

from app.corpus.banks import BankError, Language, load_banks


def test_english_banks_have_the_wanted_size() -> None:
    banks = load_banks("en")
    assert len(banks.concepts) >= 100
    assert len(banks.howtos) >= 40
    assert min(len(banks.advice), len(banks.categories)) >= 30
    assert min(len(banks.chat), len(banks.comparisons), len(banks.refusals)) >= 25
    assert min(len(banks.stories.heroes), len(banks.stories.things)) >= 25
    assert all(len(getattr(banks.manners, name)) >= 10 for name in ("warm_openers", "warm_closers", "flattery"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_entry_is_a_sentence_where_one_is_wanted(language: Language) -> None:
    banks = load_banks(language)
    ends = (".", "!", "?", "。", "！", "？", '"', "”")
    sentences = [text for entry in banks.concepts for text in (*entry.facts, entry.example)]
    sentences += [text for entry in banks.howtos for text in (*entry.steps, entry.tip)]
    sentences += [text for entry in banks.advice for text in (*entry.suggestions, entry.comfort)]
    sentences += [text for entry in banks.comparisons for text in (entry.difference, entry.similarity)]
    sentences += [text for entry in banks.refusals for text in (entry.reason, entry.alternative)]
    sentences += [text for entry in banks.chat for text in entry.answers]
    assert [text for text in sentences if not text.endswith(ends)] == []
    assert [text for text in sentences if "  " in text or "|" in text] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_entry_stands_twice(language: Language) -> None:
    banks = load_banks(language)
    for names in (
        [entry.name for entry in banks.concepts],
        [entry.task for entry in banks.howtos],
        [entry.situation for entry in banks.advice],
        [entry.plural for entry in banks.categories],
        [entry.purpose for entry in banks.letters],
    ):
        assert len(names) == len(set(names))


def test_a_missing_language_is_empty(tmp_path: Path) -> None:
    assert load_banks("zh", tmp_path).is_empty


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[concept]]\nname = "a cup"\n', r"en/concepts.toml \[\[concept\]\] number 1: missing"),
        ('[[concept]]\nname = ""\ndefinition = "x"\nfacts = ["y"]\nexample = "z"\n', "number 1.name"),
        ('[[idea]]\nname = "a cup"\n', r"expected only \['concept'\] tables"),
        ("[[concept]\n", r"concepts.toml \(en\)"),
    ],
)
def test_a_malformed_bank_names_file_and_entry(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "concepts.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BankError, match=complaint):
        load_banks("en", tmp_path)
