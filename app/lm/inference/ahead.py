"""What reads answers for reward models with the decoder of a version that is open already (app.training knows how)."""

from collections.abc import Callable
from typing import Protocol

import torch

from app.lm.inference.decoder import Decoder
from app.lm.inference.model_cache import ModelCache
from app.lm.text.tokenizer import Tokenizer
from app.read_ahead import ReadAhead


class Ahead(Protocol):
    """Of a version with this content."""

    decoder: Decoder
    content_hash: str

    def read(self, group: ReadAhead, go_on: Callable[[], bool]) -> bool:
        """False where it was told not to go on, which it asks before each answer."""
        ...


OpenAhead = Callable[[Decoder, Tokenizer, str], Ahead]


class AheadReading:
    """For one thread. Of one version at a time: where it is not open any more nothing is kept of it."""

    def __init__(self, models: ModelCache, open_ahead: OpenAhead) -> None:
        self._models, self._open = models, open_ahead
        self._ahead: Ahead | None = None

    def read(self, group: ReadAhead, version_id: int, content_hash: str, go_on: Callable[[], bool]) -> bool:
        """As app.services.sampling.reading_ahead wants it. By one thread of torch's."""
        if not self._models.is_loaded(version_id):
            self._ahead = None
            return False
        policy = self._models.policy(version_id)
        if policy.decoder.weights != policy.decoder.dtype:  # trainings never read with weights in 8 bits
            return False
        torch.set_num_threads(1)
        ahead = self._ahead
        if ahead is None or ahead.decoder is not policy.decoder or ahead.content_hash != content_hash:
            ahead = self._ahead = self._open(policy.decoder, policy.tokenizer, content_hash)
        return ahead.read(group, go_on)
