"""What a model's size and a run's length allow."""

from dataclasses import replace

import pytest

from app.errors import InvalidError
from app.kinds.train_best_of_n import BestOfNHparams
from app.kinds.train_dpo import DPOHparams
from app.model_info.size_checks import check_imitation, check_layers
from app.policy_hparams import FittedPPOHparams, PPOHparams
from tests.model_info.test_size import SHIPPED


def test_one_layer_at_least_learns() -> None:
    for hparams in (PPOHparams(num_frozen_layers=7), DPOHparams(num_frozen_layers=0), PPOHparams(), BestOfNHparams()):
        check_layers(hparams, SHIPPED)
    for frozen in (8, 99):
        with pytest.raises(InvalidError, match="num_frozen_layers must be at most 7: the model has 8 layers"):
            check_layers(DPOHparams(num_frozen_layers=frozen), SHIPPED)
    with pytest.raises(InvalidError, match="at most 0: the model has 1 layers"):
        check_layers(PPOHparams(num_frozen_layers=1), replace(SHIPPED, num_hidden_layers=1))


def test_it_imitates_in_no_more_batches_than_there_are() -> None:
    run = FittedPPOHparams(total_episodes=1_000, batch_size=64)
    check_imitation(replace(run, imitated_batches=16))
    with pytest.raises(InvalidError, match=r"at most 16: so many batches has this run \(1,000 answers, 64 in a batch"):
        check_imitation(replace(run, imitated_batches=17))
