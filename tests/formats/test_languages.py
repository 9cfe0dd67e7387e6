from pathlib import Path

import pytest

from app.formats.languages import ANY, UNKNOWN, Asked, accepted, codes_of, either, guessed, in_a_row, listed, primary
from app.model_info.card import card_languages
from app.translation import speaking


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        (" zh_Hans_CN ", "zh"),
        ("cmn", "zh"),
        ("eng", "en"),
        ("English", "en"),
        (" chinese", "zh"),
        ("fra-CA", "fr"),
        ("Klingon", UNKNOWN),
        ("e1", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_tag_means_its_language(tag: str, code: str) -> None:
    assert primary(tag) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is water?", "en"),
        ("水是什么？", "zh"),
        ("What does 水 mean?", "zh"),
        ("水とは何ですか", "ja"),
        ("물이란 무엇입니까", "ko"),
        ("Что такое вода?", UNKNOWN),
        ("2 + 2 = ?", UNKNOWN),
    ],
)
def test_a_language_is_guessed_by_letters(text: str, code: str) -> None:
    assert guessed(text) == code


@pytest.mark.parametrize(
    ("header", "codes"),
    [
        ("en-US,en;q=0.9", {"en"}),
        ("zh-CN, zh;q=0.8, en ; q=0.5", {"zh", "en"}),
        ("de, fr;q=0, en;q=0.0", {"de"}),
        ("*", set()),
        ("", set()),
        ("a" * 10_000, set()),
    ],
)
def test_what_a_browser_accepts(header: str, codes: set[str]) -> None:
    assert accepted(header) == Asked(frozenset(codes), chosen=False)
    assert (accepted(header) == ANY) is (not codes)


def test_what_is_no_code_is_left_out() -> None:
    assert codes_of(["en", 3, None, "x", "zh-TW", "und", "multilingual"]) == {"en", "zh"}
    assert listed(["zh", "en", "xx"]) == "English, xx and 中文"


def test_chinese_lists_keep_scripts_apart() -> None:
    with speaking("zh"):
        assert listed(["zh", "en"]) == "English 和中文"
        assert listed(["zh", "en", "fr"]) == "English、Français 和中文"
        assert in_a_row(["中文", "English"]) == "中文和 English"
        assert either(["a", "3"]) == "a 或 3"
        assert in_a_row(["策略", "奖励模型"]) == "策略和奖励模型"
        assert in_a_row(["中文"]) == "中文"


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("---\nlanguage: en\n---\n# A model", ["en"]),
        ("---\nlanguage:\n- zh\n- en\nlicense: mit\n---\n", ["en", "zh"]),
        ("---\nlanguage: [en, multilingual]\n---\n", None),
        ("---\nlicense: mit\n---\n", None),
        ("---\nlanguage: {a: [\n---\n", None),
        ("# language: en\n", None),
        ("", None),
    ],
)
def test_a_models_card_says_what_it_is_for(tmp_path: Path, card: str, found: list[str] | None) -> None:
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert card_languages(tmp_path) == found


def test_a_model_without_a_readable_card_is_for_any(tmp_path: Path) -> None:
    assert card_languages(tmp_path) is None
    (tmp_path / "README.md").write_bytes(b"---\nlanguage: en\n---\n" + b"\xff" * (1 << 20))
    assert card_languages(tmp_path) is None
