"""What jobs said in English is said again in the page's language, as a whole or not at all."""

import pytest

from app.services.versions.bounds import evaluation_flags, training_flags
from app.translation import language, speaking
from app.web.retelling import retold


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Starting", "正在启动"),
        ("Starting again (attempt 3)", "正在重新启动（第 3 次）"),
        ("64 of 80 prompts", "64 / 80 个提示"),
        (
            "The prompt has 1,234 characters; at most 1,000 are allowed. Shorten it.",
            "提示有 1,234 个字符；最多允许 1,000 个。请缩短。",
        ),
        (
            "Gave up after 3 starts without progress. The worker was killed while it ran.",
            "启动 3 次都没有进展，已放弃。工作进程在运行中被终止。",
        ),
        ("1 ranking was there already.", "1 个排序原先就有。"),
        ("1,000 rankings were there already.", "1,000 个排序原先就有。"),
    ],
)
def test_a_stored_sentence_is_said_again(english: str, chinese: str) -> None:
    assert retold(english) == english
    with speaking("zh"):
        assert retold(english) == chinese
        assert retold(chinese) == chinese


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A trainer of a later version said this.",
        "Gave up after 3 starts without progress. A trainer of a later version said this.",
        "Something: and more",
        "x" * 100_000,
    ],
)
def test_what_is_not_known_as_a_whole_stays_as_it_is(text: str) -> None:
    with speaking("zh"):
        assert retold(text) == text


def test_every_flag_can_be_said_again() -> None:
    far = {
        "kl": 99.0,
        "entropy": 0.01,
        "entropy_reference": 1.0,
        "distinct_share": 0.1,
        "distinct_reference_share": 0.9,
    }
    far |= {"reward/beyond_share": 0.9, "likelihood_under_reference": -9.0}
    for name in ("empty_share", "echo_share", "other_script_share", "repetition"):
        far[name] = 0.9
    far |= {"end_rate": 0.1, "end_reference_rate": 0.9, "relevance": 0.1, "relevance_reference": 0.9}
    flags = [*training_flags({"policy/approxkl_max": 2.0}), *evaluation_flags(far, 20)]
    assert len(flags) == 12
    assert language() == "en"
    with speaking("zh"):
        for flag in flags:
            said = retold(flag.sentence)
            assert said != flag.sentence, flag.name
            assert "{" not in said, flag.name
