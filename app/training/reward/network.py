"""The reward model as a network: the SFT model's lowest layers, an own final norm, one score per answer; and its
files.

The score is read at the answer's last token, which is always the end mark that the chat template writes: an answer
that was cut off, or that ended with another end token, is scored with this one behind it (that it did not end by itself
is PPO's business). So a score is a function of what people read. Equal inputs give equal scores, on any processor:
every distinct answer is computed once, behind its prompt in a row of its own, in float32.

Written in the layout of transformers' `LlamaForSequenceClassification`, or in that of the SFT model's own family. That
head has no bias, so normalization is folded into the head's weights (`normalize`). Knows nothing of rankings or
training.

Shapes: B prompts, K answers of a prompt, T packed tokens, N answers or samples, H hidden size.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from app.hparams import ModelConfig
from app.lm.files.checkpoint import config_json, read_weights, save_weights
from app.lm.files.families import read_config
from app.lm.model import Llama, without_memory
from app.lm.text.end_tokens import EndTokens
from app.lm.text.tokenizer import Tokenizer
from app.training.packing import Packed, last_layer_at, lower_states, pack
from app.training.reward.scoring import Answered


class RewardModel(nn.Module):
    """`backbone` has `config.num_hidden_layers` layers, fewer than the policy, and no output layer of its own; `head`
    is [H] -> 1 without a bias."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.backbone = Llama(replace(config, tie_word_embeddings=True))
        self.head = nn.Linear(config.hidden_size, 1, bias=False)

    @classmethod
    def from_sft(cls, sft: Llama, num_layers: int, seed: int) -> "RewardModel":
        """Copy the lowest layers; the head is N(0, 1/(H+1)) (Ziegler et al. 2019, section 2.1)."""
        layers = min(num_layers, sft.config.num_hidden_layers)
        with without_memory():
            model = cls(replace(sft.config, num_hidden_layers=layers))
        weights = sft.state_dict()
        model.backbone.assign({name: weights[name].clone() for name in model.backbone.state_dict()})
        head = torch.empty(1, sft.config.hidden_size)
        nn.init.normal_(head, std=(sft.config.hidden_size + 1) ** -0.5, generator=torch.Generator().manual_seed(seed))
        model.head.load_state_dict({"weight": head}, assign=True)
        return model.eval()

    @property
    def config(self) -> ModelConfig:
        return self.backbone.config

    def lower_states(self, packed: Packed) -> Tensor:
        """[B,T,H] below the top layer."""
        with torch.autocast("cpu", enabled=False):  # scores do not hang on the number format; these layers are few
            return lower_states(self.backbone, packed, self.config.num_hidden_layers - 1)

    def final_states(self, packed: Packed, states: Tensor | None = None) -> Tensor:
        """[B,K,H]: what the head reads, at each answer's last token."""
        below = self.lower_states(packed) if states is None else states
        with torch.autocast("cpu", enabled=False):  # the pooling layer's sizes want fp32; it runs at few positions
            return last_layer_at(self.backbone, below, packed, packed.last_index)

    def forward(self, packed: Packed, states: Tensor | None = None) -> Tensor:
        """[B,K] scores. Where a row has fewer than K answers the number means nothing (see `Packed.answer_mask`)."""
        return self.scores(self.final_states(packed, states))

    def scores(self, final_states: Tensor) -> Tensor:
        """[...,H] -> [...]."""
        # A product and a sum, not a matrix product: autocast would round scores to the 8 bits of bf16.
        return (final_states * self.head.weight[0]).sum(-1)

    @torch.no_grad()
    def score(self, answers: Sequence[Answered], ends: EndTokens) -> tuple[Tensor, Tensor]:
        """As an AnswerScorer; a network alone knows no deviations, they are 0."""
        scores = torch.tensor([float(self.scores(state)) for state in states_of(self, answers, ends)])
        return scores, torch.zeros_like(scores)


@torch.no_grad()
def states_of(model: RewardModel, answers: Sequence[Answered], ends: EndTokens) -> Tensor:
    """[N,H] what the head reads at the end of each (prompt, answer), both given as token ids. What stands beside an
    answer cannot change it: it has a row of its own, and is computed once however often it occurs."""
    states: dict[tuple[int, ...], Tensor] = {}
    keys = []
    for prompt, answer in answers:
        written = ends.as_written(answer)
        key = (len(prompt), *prompt, *written)
        if key not in states:
            states[key] = model.final_states(pack([prompt], [[written]], ends.written))[0, 0]
        keys.append(key)
    return torch.stack([states[key] for key in keys]) if keys else torch.zeros(0, model.config.hidden_size)


def normalize(model: RewardModel, final_states: Tensor) -> tuple[float, float]:
    """Change the head so that the scores of these states [N,H] have mean 0 and deviation 1; returns the old two.

    transformers' head has no bias. The constant is therefore taken off along the direction v that says 1 to all of
    these states as nearly as a linear function can: the least variance of v.h with mean exactly 1, which is v =
    C^-1 m / (m' C^-1 m) for their mean m and (ridged) covariance C.
    """
    states = final_states.double()
    mean_state = states.mean(0)
    covariance = torch.cov(states.T) if len(states) > 1 else torch.zeros(len(mean_state), len(mean_state)).double()
    ridge = 1e-3 * mean_state.square().mean() + 1e-12
    direction = torch.linalg.solve(covariance + ridge * torch.eye(len(mean_state)).double(), mean_state)
    constant = direction / (mean_state @ direction)
    weight = model.head.weight.detach().double().squeeze(0)
    old_mean, old_deviation = (states @ weight).mean(), (states @ weight).std(correction=0)
    centered = weight - old_mean * constant
    deviation = (states @ centered).std(correction=0)
    scale = 1.0 / deviation if deviation > 1e-6 else torch.ones(())
    with torch.no_grad():
        model.head.weight.copy_((centered * scale).unsqueeze(0))
    return float(old_mean), float(old_deviation)


def save_reward_model(
    directory: Path, model: RewardModel, tokenizer: Tokenizer, beside: Callable[[Path], None] | None = None
) -> str:
    """Write it atomically in float32 (scores are compared with each other); returns the content hash. `beside` writes
    what belongs to the version besides, into the folder that it is given.

    transformers reads the score at the last token that is not padding: so `pad_token_id` is the tokenizer's, is not the
    answer's end, and the chat template ends with the answer's end."""
    weights = {**model.backbone.state_dict(), "score.weight": model.head.weight}
    ids = tokenizer.special_ids
    config = config_json(model.config, dtype=torch.float32, special_ids=ids, head="SequenceClassification")
    config |= {"num_labels": 1, "id2label": {"0": "score"}, "label2id": {"score": 0}}
    return save_weights(directory, weights, config, tokenizer, dtype=None, generates=False, beside=beside)


def load_reward_model(directory: Path) -> RewardModel:
    """Raises CheckpointError, as app.lm.files.checkpoint does, with the file at fault."""
    with without_memory():
        model = RewardModel(read_config(directory))
    wanted = {**model.backbone.state_dict(), "score.weight": model.head.weight}
    weights = read_weights(directory, wanted, dtype=torch.float32)
    model.head.load_state_dict({"weight": weights.pop("score.weight")}, assign=True)
    model.backbone.assign(weights)
    return model.eval()
