"""The models that are loaded: policies ready to sample, reward models ready to score. Any thread may come here.

Versions are loaded when first asked for, one at a time, by whoever asks; others get meanwhile what is loaded already.
They are kept while recently used. What is being sampled from stays in memory with
its batch, in the cache or not, and whatever happens to its files.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from app.chat import Message, Prompt, RawText, RawTokens, Templated
from app.errors import InvalidError, UnavailableError
from app.lm.files.checkpoint import CheckpointError, load_model
from app.lm.inference.decoder import Decoder
from app.lm.text.tokenizer import Tokenizer

KEPT_VERSIONS = 4  # the active policy, the active reward model and two others
Scorer = Callable[[Sequence[Message], Sequence[str]], list[float]]


@dataclass(frozen=True)
class Policy:
    decoder: Decoder
    tokenizer: Tokenizer

    def encoded(self, asked: Prompt, max_tokens: int) -> list[int]:
        """The prompt's ids; raises InvalidError where the answer would not fit behind them."""
        prompt = self._ids(asked)
        limit = self.decoder.config.context_tokens - max_tokens
        if len(prompt) > limit:
            raise InvalidError(
                f"The prompt has {len(prompt):,} tokens; with {max_tokens} for the answer at most {max(0, limit):,}"
                " fit. Shorten it.",
                code="context_length_exceeded",
            )
        return prompt

    def _ids(self, asked: Prompt) -> list[int]:
        match asked:
            case RawTokens(token_ids):
                self.check_tokens(token_ids)
                found = list(token_ids)
            case RawText(text):
                found = self.tokenizer.encode_document(text)
            case Templated(messages, values):
                found = self.tokenizer.encode_conversation(messages, values)
            case _:
                found = self.tokenizer.encode_conversation(asked)
        if not found:
            raise InvalidError("The prompt is empty, and this model's documents begin with no mark of their own.")
        return found

    def check_tokens(self, token_ids: Sequence[int]) -> None:
        """Raises InvalidError for one that there is not."""
        size = self.decoder.config.vocab_size
        if (unknown := next((token for token in token_ids if not 0 <= token < size), None)) is not None:
            raise InvalidError(f"There is no token {unknown}; the last one is {size - 1}.", param="prompt")


class ModelCache:
    """`version_directory` says where a version lives; `load_scorer` opens a reward model (app.training knows how).
    Policies compute in `dtype`."""

    def __init__(
        self,
        version_directory: Callable[[int], Path],
        load_scorer: Callable[[Path], Scorer] | None,
        dtype: torch.dtype,
    ) -> None:
        self._directory, self._load_scorer, self._dtype = version_directory, load_scorer, dtype
        self._kept: OrderedDict[int, Policy | Scorer] = OrderedDict()
        self._looking, self._loading = threading.Lock(), threading.Lock()  # the first guards _kept

    def policy(self, version_id: int) -> Policy:
        found = self._find(version_id, self._load_policy)
        if not isinstance(found, Policy):
            raise InvalidError(f"Version {version_id} is a reward model: it scores answers and writes none.")
        return found

    def scorer(self, version_id: int) -> Scorer:
        if self._load_scorer is None:
            raise UnavailableError("This engine was started without reward models. Start it with one to score answers.")
        found = self._find(version_id, self._load_scorer)
        if isinstance(found, Policy):
            raise InvalidError(f"Version {version_id} is a policy: it writes answers and scores none.")
        return found

    def _find(self, version_id: int, load: Callable[[Path], Policy | Scorer]) -> Policy | Scorer:
        found = self._loaded(version_id)
        if found is not None:
            return found
        with self._loading:
            found = self._loaded(version_id)  # another may have loaded it since
            if found is None:
                found = self._load(version_id, load)
                with self._looking:
                    self._kept[version_id] = found
                    while len(self._kept) > KEPT_VERSIONS:
                        self._kept.popitem(last=False)
        return found

    def _load(self, version_id: int, load: Callable[[Path], Policy | Scorer]) -> Policy | Scorer:
        try:
            return load(self._directory(version_id))
        except CheckpointError:
            self._directory(version_id)  # its files may have been removed meanwhile: that is said instead
            raise

    def _loaded(self, version_id: int) -> Policy | Scorer | None:
        with self._looking:
            if version_id in self._kept:
                self._kept.move_to_end(version_id)
            return self._kept.get(version_id)

    def _load_policy(self, directory: Path) -> Policy:
        model, tokenizer = load_model(directory, dtype=self._dtype)
        return Policy(Decoder(model, self._dtype, in_place_of_model=True), tokenizer)
