"""The models that are loaded: policies ready to sample, reward models ready to score. Any thread may come here.

Versions are loaded when first asked for, one at a time, by whoever asks; others get meanwhile what is loaded already.
They are kept while recently used. What is being sampled from stays in memory with its scheduler, in the cache or not,
and whatever happens to its files.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from app.chat import Candidate, Message, Scored
from app.errors import InvalidError, UnavailableError
from app.lm.files.checkpoint import check_directory, load_model, read_layers, read_tokenizer
from app.lm.files.families import read_config
from app.lm.inference.decoder import Decoder
from app.lm.inference.policy import Policy
from app.lm.precision import Formats
from app.lm.text.tokenizer import Tokenizer
from app.model_info.size import all_parameters
from app.model_info.weights import CheckpointError
from app.processes.machine import give_back
from app.translation import _

KEPT_VERSIONS = 4  # the active policy, the active reward model and two others
KEPT_TOKENIZERS = 4  # of versions that are not loaded
Scorer = Callable[[Sequence[Message], Sequence[str]], list[Scored]]


@runtime_checkable
class Foreseeing(Protocol):
    """A Scorer that also foresees what rankings would teach it; versions of before do not."""

    def __call__(self, messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]: ...

    def read(self, group: Candidate) -> None:
        """What takes long, ahead of `gains`."""
        ...

    def gains(self, groups: Sequence[Candidate], taken: Sequence[Candidate], tie_share: float) -> list[float]:
        """As `Engine.gains`."""
        ...


class ModelCache:
    """`version_directory` says where a version lives; `load_scorer` opens a reward model (app.training knows how).
    Policies compute in `formats`."""

    def __init__(
        self,
        version_directory: Callable[[int], Path],
        load_scorer: Callable[[Path], Scorer] | None,
        formats: Formats,
    ) -> None:
        self._directory, self._load_scorer, self._formats = version_directory, load_scorer, formats
        self._kept: OrderedDict[int, Policy | Scorer] = OrderedDict()
        self._tokenizers: OrderedDict[int, Tokenizer] = OrderedDict()
        self._looking, self._loading = threading.Lock(), threading.Lock()  # the first guards what is kept

    def is_loaded(self, version_id: int) -> bool:
        """Whether `policy`, or `scorer`, would not have to load it."""
        with self._looking:
            return version_id in self._kept

    def policy(self, version_id: int) -> Policy:
        model = self._model(version_id, self._load_policy)
        if not isinstance(model, Policy):
            raise InvalidError(_("Version {id} is a reward model: it scores answers and writes none.", id=version_id))
        return model

    def tokenizer(self, version_id: int) -> Tokenizer:
        """Without loading the model, whatever its kind: the tokenizer of a version is small."""
        model = self._loaded(version_id)
        if isinstance(model, Policy):
            return model.tokenizer
        with self._looking:
            tokenizer = self._tokenizers.get(version_id)
        if tokenizer is None:
            directory = self._directory(version_id)
            check_directory(directory)
            tokenizer = read_tokenizer(directory)
        with self._looking:
            self._tokenizers[version_id] = tokenizer
            self._tokenizers.move_to_end(version_id)
            while len(self._tokenizers) > KEPT_TOKENIZERS:
                self._tokenizers.popitem(last=False)
        return tokenizer

    def scorer(self, version_id: int) -> Scorer:
        if self._load_scorer is None:
            raise UnavailableError(
                _("This engine was started without reward models. Start it with one to score answers.")
            )
        model = self._model(version_id, self._load_scorer)
        if isinstance(model, Policy):
            raise InvalidError(_("Version {id} is a policy: it writes answers and scores none.", id=version_id))
        return model

    def _model(self, version_id: int, load: Callable[[Path], Policy | Scorer]) -> Policy | Scorer:
        model = self._loaded(version_id)
        if model is not None:
            return model
        with self._loading:
            model = self._loaded(version_id)  # another may have loaded it since
            if model is None:
                model = self._load(version_id, load)
                give_back()  # weights as they were stored, which the allocator keeps
                with self._looking:
                    self._kept[version_id] = model
                    while len(self._kept) > KEPT_VERSIONS:
                        self._kept.popitem(last=False)
        return model

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
        check_directory(directory)
        dtype, weights = self._formats.dtype, self._formats.weights_of(all_parameters(read_config(directory)))
        model, tokenizer = load_model(directory, layers=False)
        layers = read_layers(directory, model.config)
        return Policy(Decoder(model, dtype, weights=weights, layers=layers, in_place_of_model=True), tokenizer)
