"""Each figure that a version's record may hold has a plain sentence, and each hyper-parameter its own."""

from dataclasses import fields

import pytest

from app.hparams import PretrainHparams, SFTHparams
from app.kinds.registry import KINDS
from app.translation import speaking
from app.web.glosses import FIGURES, figure_gloss, hparam_gloss

TOLD_IN_PICTURES = {"verdict", "validations", "learning_curve", "blocks", "penalty_curve"}


def test_each_metric_of_each_kind_of_job_has_a_gloss_and_none_is_of_nothing() -> None:
    measured = {name for kind in KINDS.values() for name in kind.metrics.names}
    assert measured - TOLD_IN_PICTURES - set(FIGURES) == set()
    of_imported = {"model_type", "parameters", "context_tokens", "plain_format", "imported_from"}
    assert set(FIGURES) - measured == of_imported


@pytest.mark.parametrize("sentence", FIGURES.values())
def test_a_gloss_is_one_sentence(sentence: str) -> None:
    assert sentence.endswith(".")
    assert ". " not in sentence


def test_hyper_parameters_say_what_they_are() -> None:
    with speaking("en"):
        for kind in KINDS.values():
            named = {field.name: hparam_gloss(field.name, kind.name) for field in fields(kind.hparams)}
            assert [name for name, said in named.items() if not said] == [], kind.name
        assert hparam_gloss("total_tokens", None) == "Tokens to train on."
        assert all(hparam_gloss(field.name, None) for of in (PretrainHparams, SFTHparams) for field in fields(of))


def test_what_nobody_knows_has_none() -> None:
    assert (figure_gloss("moon/phase"), hparam_gloss("moon", "train_policy"), hparam_gloss("moon", "gone")) == ("",) * 3
