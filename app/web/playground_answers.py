"""Answers of the playground that the server writes itself: for browsers without JavaScript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.chat import Distribution, GenerationRequest, SampledAnswer
from app.db.models.versions import VersionKind
from app.errors import AppError, InvalidError
from app.formats.languages import guessed
from app.services.sampling.engine import Engine
from app.translation import _
from app.web.playground_address import Asked
from app.web.playground_dials import sampling_params

SHOWN_TOKENS = 20


@dataclass(frozen=True)
class Written:
    """What one version wrote; `error` where it could not."""

    version_id: int
    answers: Sequence[SampledAnswer] = ()
    first: Distribution | None = None
    """What the first token of the answers is rolled from."""
    error: str | None = None

    @property
    def languages(self) -> list[str]:
        """Of the answers, guessed."""
        return [guessed(answer.text) for answer in self.answers]


def write(engine: Engine, asked: Asked, kinds: Mapping[int, VersionKind]) -> list[Written]:
    """By each version that is asked, one after another; blocks until all are there. `kinds`: of the versions."""
    return [_written(engine, asked, version_id, kinds[version_id]) for version_id in asked.version_ids]


def _written(engine: Engine, asked: Asked, version_id: int, kind: VersionKind) -> Written:
    params = sampling_params(asked.values, stop=asked.stop_texts, seed=asked.seed)
    request = GenerationRequest(asked.to_prompt(kind), version_id=version_id, params=params, n=asked.n)
    try:
        answers = engine.generate(request)
        distribution = engine.next_token(replace(request, n=1), SHOWN_TOKENS)
    except AppError as error:
        return Written(version_id, error=error.page_message)
    return Written(version_id, answers, distribution)


def too_long(engine: Engine, asked: Asked, kinds: Mapping[int, VersionKind]) -> str | None:
    """Says, with the counts, that a version has no room for the prompt and an answer behind it."""
    length = int(asked.values["max_tokens"])
    for version_id in asked.version_ids:
        context = engine.context_tokens(version_id=version_id)
        try:
            count = engine.count_tokens(asked.to_prompt(kinds[version_id]), version_id=version_id)
        except InvalidError as error:
            return error.page_message
        if count + length > context:
            return _(
                "This has {count} tokens. Version {id} reads {context} together with its answer: {room} are left, and "
                "Length asks for {length}. Shorten the text, or lower Length.",
                count=count,
                id=version_id,
                context=context,
                room=context - count,
                length=length,
            )
    return None
