"""What was saved is told in letters and in words, with what is left until the reward model learns."""

from app.translation import speaking
from app.web import told

ANSWERS = (31, 32, 33, 34)
RANKS = {31: 2, 32: 1, 33: 4, 34: 2}


def test_the_order_is_shown_in_letters_and_said_in_words() -> None:
    said = told.of_ranking(RANKS, ANSWERS, 5)
    assert said.shown == "B › A = D › C was saved. 5 more until the reward model learns."
    assert said.spoken == "B, then A tied with D, then C was saved. 5 more until the reward model learns."


def test_enough_rankings_are_told_as_that() -> None:
    for left in (0, -3):
        assert told.of_ranking(RANKS, ANSWERS, left).shown == (
            "B › A = D › C was saved. That is enough for the reward model to learn from."
        )


def test_a_training_before_or_under_way_makes_it_the_next_one() -> None:
    said = told.of_ranking(RANKS, ANSWERS, 7, again=True)
    assert said.shown == "B › A = D › C was saved. 7 more until the reward model learns again."


def test_a_fifth_answer_has_its_letter() -> None:
    ranks = {**dict.fromkeys(ANSWERS, 2), 35: 1}
    assert told.of_ranking(ranks, (*ANSWERS, 35), 1).shown.startswith("E › A = B = C = D was saved. 1 more")


def test_it_is_told_in_chinese() -> None:
    with speaking("zh"):
        assert told.of_ranking(RANKS, ANSWERS, 5).shown == "已保存：B › A = D › C。再排 5 个，奖励模型就开始学习。"
        assert "其次" in told.of_ranking(RANKS, ANSWERS, 5).spoken
