"""Groups of answers that are there already: a conversation's, of several versions or written by a person."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.chat import Message
from app.db.base import utc_now
from app.db.models.groups import ANSWERS_PER_GROUP, Completion, Group, GroupStatus
from app.db.models.labelers import Labeler
from app.errors import InvalidError
from app.services.labeling import drawing, groups
from app.services.sampling.group_sampling import new_seed, own_prompt
from app.translation import _


@dataclass(frozen=True)
class GivenAnswer:
    text: str
    version_id: int | None = None
    """The version that wrote it; None: the labeler did."""
    token_ids: Sequence[int] = field(default=())
    """As that version drew them: never re-tokenized. Of a person's answer none: training reads its text."""
    finish_reason: str = "stop"
    """"length" where it was cut off."""


def group_of_answers(
    session: Session,
    *,
    messages: Sequence[Message],
    answers: Sequence[GivenAnswer],
    labeler: Labeler,
    settings: Mapping[str, Any] | None = None,
) -> Group:
    """Four answers to one conversation (checked messages, the user's last) as a card of the labeler's alone: leased to
    them for thirty days and shown to nobody else; their newest card, so it is the next that `/` and POST
    /api/v1/groups/next show. Nobody is told which version wrote which answer. The ranking counts as any other does.

    `settings`: how they were sampled, kept for the exports. Raises InvalidError unless there are four, and
    ConflictError for a prompt that is kept for evaluation."""
    if len(answers) != ANSWERS_PER_GROUP:
        raise InvalidError(
            _("Give {count} answers to rank; there are {given}.", count=ANSWERS_PER_GROUP, given=len(answers))
        )
    prompt = own_prompt(session, messages)
    wrote = {answer.version_id for answer in answers}
    group = Group(
        prompt_id=prompt.id,
        version_id=wrote.pop() if len(wrote) == 1 else None,
        settings=dict(settings or {}),
        seed=new_seed(),
        status=GroupStatus.READY,
    )
    session.add(group)
    session.flush()
    places = groups.shuffled_places(group.seed)
    session.add_all(
        Completion(
            group_id=group.id,
            version_id=answer.version_id,
            labeler_id=labeler.id if answer.version_id is None else None,
            sample_index=index,
            display_position=places[index],
            text=answer.text,
            token_ids=list(answer.token_ids),
            finish_reason=answer.finish_reason,
        )
        for index, answer in enumerate(answers)
    )
    drawing.count_shown(session, prompt.id, random.Random(group.seed))
    groups.lease(session, group, labeler.id, now=utc_now(), lease_seconds=groups.GIVEN_LEASE.total_seconds())
    return groups.get_group(session, group.id)
