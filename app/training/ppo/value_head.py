"""The policy with a value head on its final states: PPO's value function, which shares the policy's trunk."""

from torch import Tensor, nn

from app.lm.model import Llama
from app.policy_hparams import FittedPPOHparams
from app.training.policy.rollout import Policy


class PolicyWithValue(Policy):
    """The head starts at zero: no value is invented at the start."""

    has_values = True

    def __init__(self, model: Llama, hparams: FittedPPOHparams) -> None:
        super().__init__(model, hparams.num_frozen_layers, hparams.temperature)
        self.share_trunk_gradient = hparams.share_trunk_gradient
        self.value_head = nn.Linear(model.config.hidden_size, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    def values(self, final: Tensor) -> Tensor:
        read = (final if self.share_trunk_gradient else final.detach()).float()
        # a product and a sum, not a matrix product: stays fp32
        values: Tensor = (read * self.value_head.weight[0]).sum(-1) + self.value_head.bias
        return values
