"""Operations of trainings against a slow count: every product of every matrix, token by token."""

from dataclasses import replace

import pytest

from app.hparams import ModelConfig
from app.model_info.operations import (
    LEARN,
    LEARN_BESIDE,
    Asked,
    EpisodeOperations,
    ImitationOperations,
    PreferenceOperations,
    drifted,
    passed,
    scored,
)
from app.model_info.size import all_parameters

CONFIG = ModelConfig(
    vocab_size=48, hidden_size=320, intermediate_size=640, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip


def slowly(layers: int, tokens: int, outputs: int) -> int:
    """Multiplications and additions of the matrices: queries, keys, values, mixed values, gate, up, down; words."""
    width, narrow = CONFIG.num_attention_heads * CONFIG.head_dim, CONFIG.num_key_value_heads * CONFIG.head_dim
    hidden, inner = CONFIG.hidden_size, CONFIG.intermediate_size
    shapes = [(hidden, width), (hidden, narrow), (hidden, narrow), (width, hidden)]
    shapes += [(hidden, inner), (hidden, inner), (inner, hidden)]
    done = sum(2 * rows * columns for _token in range(tokens) for _layer in range(layers) for rows, columns in shapes)
    return done + outputs * 2 * hidden * CONFIG.vocab_size


def test_what_a_pass_takes_is_what_its_matrices_take() -> None:
    """But for norms, which the rule of 2 N counts as if they were matrices: two vectors a layer."""
    assert passed(CONFIG, 30, 7) == pytest.approx(slowly(3, 30, 7), rel=0.01)
    assert passed(CONFIG, 30, 7, layers=1) == pytest.approx(slowly(1, 30, 7), rel=0.01)
    assert passed(CONFIG, 30, 30, each=LEARN) == pytest.approx(6 * 30 * all_parameters(CONFIG), rel=0.01), "6 N D"


def test_a_batch_samples_scores_measures_and_learns() -> None:
    asked = Asked(100, 400, 90, 50)
    made = EpisodeOperations(CONFIG, CONFIG, frozen=1, shares=True)
    read, upper = slowly(3, 500, 400), slowly(2, 500, 400)
    scores = slowly(3, 100 + 800, 800) + slowly(3, 150, 50)
    without = 2 * read + upper + scores + slowly(3, 190, 90) + slowly(3, 100 + 180, 180)
    assert scored(CONFIG, asked) == pytest.approx(scores, rel=0.01)
    assert made.batch(asked, 0) == pytest.approx(without, rel=0.01)
    assert made.batch(asked, 2.5) == pytest.approx(without + 2.5 * 3 * upper, rel=0.01)
    apart = EpisodeOperations(CONFIG, CONFIG, frozen=1, shares=False, learns_own=True)
    learned = 3 * (upper + slowly(2, 190, 90))
    assert apart.batch(asked, 1) == pytest.approx(without + read - upper + learned, rel=0.01)
    beside = EpisodeOperations(CONFIG, CONFIG, frozen=1, shares=True, learning=LEARN_BESIDE)
    assert beside.batch(asked, 1) == pytest.approx(without + 2 * upper, rel=0.01)
    assert made.validation(asked) == pytest.approx(4 * read + scores, rel=0.01)


def test_dpo_reads_each_ranking_once_and_keeps_what_does_not_learn() -> None:
    asked, made = Asked(100, 400), PreferenceOperations(CONFIG, frozen=1)
    whole, lower, upper = slowly(3, 500, 400), slowly(1, 500, 0), slowly(2, 500, 400)
    assert made.measured(asked) == pytest.approx(whole, rel=0.01)
    assert made.compared(asked, kept=True, learned=True) == pytest.approx(3 * upper, rel=0.01)
    assert made.compared(asked, kept=False, learned=True) == pytest.approx(lower + 3 * upper, rel=0.01)
    assert made.compared(asked, kept=True, learned=False) == pytest.approx(upper, rel=0.01)
    beside = replace(made, learning=LEARN_BESIDE)
    assert beside.compared(asked, kept=True, learned=True) == pytest.approx(2 * upper, rel=0.01)
    assert drifted(CONFIG, asked) == pytest.approx(3 * whole, rel=0.01), "sampled, and measured by both"


def test_best_of_n_samples_scores_and_learns_in_whole_rows() -> None:
    asked, reader = Asked(100, 400, references=50), replace(CONFIG, num_hidden_layers=2)
    made = ImitationOperations(CONFIG, reader)
    scores = slowly(2, 100 + 800, 800) + slowly(2, 150, 50)
    assert made.tried(asked) == pytest.approx(slowly(3, 500, 400) + scores, rel=0.01)
    assert made.imitated(512, 90, learned=True) == pytest.approx(3 * slowly(3, 512, 90), rel=0.01)
    assert made.imitated(512, 90, learned=False) == pytest.approx(slowly(3, 512, 90), rel=0.01)
    assert made.look(asked) == pytest.approx(3 * slowly(3, 500, 400) + scores, rel=0.01)
