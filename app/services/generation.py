"""Which version answers or scores a request, and how many tokens it reads. Sampling itself is the caller's."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.versions import Version
from app.errors import ConflictError, InvalidError
from app.services import versions
from app.services.sampler import Sampler


def answering_version(session: Session, version_id: int | None) -> Version:
    """The named version, or the active one."""
    if version_id is None:
        return versions.active_answerer(session)
    version = versions.get_version(session, version_id)
    if version.kind not in versions.MAY_ANSWER:
        raise InvalidError(f"Version {version_id} is of kind {version.kind}; name one of kind sft or policy.")
    return version


def scoring_version(session: Session) -> Version:
    """The active reward model."""
    version = versions.active_reward(session)
    if version is None:
        raise ConflictError("There is no reward model yet. Rank answers and train one first (job train_reward).")
    return version


def count_prompt_tokens(sampler: Sampler, messages: Sequence[Message]) -> int:
    """Length of the conversation as the model reads it: a start, a mark per message, the ends of answers."""
    marks = sum(1 if message["role"] == "user" else 2 for message in messages)
    return 2 + marks + sum(len(sampler.tokenize(message["content"])) for message in messages)
