"""The models of a job, each loaded once; weights that several of them have in common are in memory once."""

from collections.abc import Mapping
from pathlib import Path

from app.hparams import ModelConfig
from app.lm.files.checkpoint import load_model, read_tokenizer
from app.lm.files.families import read_config
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.services.versions import versions
from app.training.policy.shared_weights import share_equal_weights
from app.training.reward.network import load_reward_model
from app.training.reward.preference_scorer import PARTS, Part
from app.training.reward.scorer_files import has_scorers, load_scorers
from app.training.reward.scoring import AnswerScorer
from app.worker.run import JobRun


class Models:
    """By the ids of versions. All raise GoneError where a version's files were removed."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._policies: dict[int, Llama] = {}
        self._rewards: dict[int, Mapping[Part, AnswerScorer]] = {}
        self._tokenizers: dict[int, Tokenizer] = {}

    def policy(self, version_id: int) -> Llama:
        if version_id not in self._policies:
            model, self._tokenizers[version_id] = load_model(self._directory(version_id))
            self._policies[version_id] = self._sharing(model)
        return self._policies[version_id]

    def reward(self, version_id: int) -> AnswerScorer:
        """What a policy is trained by: it has learned from all of the version's rankings but those of `judge`."""
        return self._scorers(version_id)["optimized"]

    def judge(self, version_id: int) -> AnswerScorer:
        """What judges a policy that was trained by `reward`: it has learned from none of the same prompts. Where the
        version has too few for two, and for versions of before, it is the same one (metric `judge_rankings`: 0)."""
        return self._scorers(version_id)["judge"]

    def _scorers(self, version_id: int) -> Mapping[Part, AnswerScorer]:
        if version_id not in self._rewards:
            directory = self._directory(version_id)
            if has_scorers(directory):
                self._rewards[version_id] = load_scorers(directory)
            else:
                model = load_reward_model(directory)
                self._sharing(model.backbone)
                self._rewards[version_id] = dict.fromkeys(PARTS, model)
        return self._rewards[version_id]

    def tokenizer(self, version_id: int) -> Tokenizer:
        """Without loading the model."""
        if version_id not in self._tokenizers:
            self._tokenizers[version_id] = read_tokenizer(self._directory(version_id))
        return self._tokenizers[version_id]

    def config(self, version_id: int) -> ModelConfig:
        """Without loading the model."""
        return read_config(self._directory(version_id))

    def context_tokens(self, *version_ids: int) -> int:
        """Tokens that each of these models reads at most."""
        return min(self.config(number).context_tokens for number in set(version_ids))

    def _sharing(self, model: Llama) -> Llama:
        """The weights that it has in common with the policies loaded before become theirs."""
        for other in self._policies.values():
            share_equal_weights(model, other)
        return model

    def _directory(self, version_id: int) -> Path:
        path = self._run.read(lambda session: versions.usable_version(session, version_id).path)
        return self._run.settings.version_directory(path)
