"""The policy with PPO's value function: a head on its final states, or a network of its own with such a head."""

from torch import Tensor, nn

from app.lm.model import Llama
from app.policy_hparams import FittedPPOHparams
from app.training.packing import Packed, lower_states
from app.training.policy.rollout import Policy


class PolicyWithValue(Policy):
    """The head starts at zero: no value is invented at the start.

    It has an optimizer of its own, and Adam moves a weight by about its rate whatever the loss is multiplied with; so
    `vf_coef` says what it can: how much of the value's gradient goes on into the policy's layers. A separate network
    starts from `model`, too, with the same frozen layers, and gives nothing to the policy's layers.
    """

    has_values = True

    def __init__(self, model: Llama, hparams: FittedPPOHparams) -> None:
        super().__init__(model, hparams, hparams.temperature)
        self.vf_coef = hparams.vf_coef
        self.value_model: Llama | None = None
        if hparams.separate_value:
            self.value_model = self.copied(model)
        self.value_head = nn.Linear(model.config.hidden_size, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    def value_network_parameters(self) -> list[nn.Parameter]:
        """Without the head's; none where the policy's own states are read."""
        weights = [] if self.value_model is None else self.value_model.parameters()
        return [weight for weight in weights if weight.requires_grad]

    def values(self, final: Tensor, below: Tensor, packed: Packed) -> Tensor:
        if self.value_model is not None:
            own = self.num_frozen_layers == 0  # its embeddings may be, too
            states = lower_states(self.value_model, packed, 0) if own else below
            read = self.final_states(self.value_model, states, packed).float()
        else:
            read = final.detach().float()
            if self.vf_coef:
                read = read + self.vf_coef * (final.float() - read)  # the same number, with a part of the gradient
        # a product and a sum, not a matrix product: stays fp32
        values: Tensor = (read * self.value_head.weight[0]).sum(-1) + self.value_head.bias
        return values
