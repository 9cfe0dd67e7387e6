"""Finds the prompts that the active version cannot answer, a few at a time, before they are shown to anybody.

What is stored now was counted first; older prompts were not, and after an activation or with other limits the judgement
is another. Drawing does not depend on this (it sets aside what it meets): it is so that the number shown is right.
"""

from app.db.models.prompts import Prompt
from app.db.session import transaction
from app.errors import InvalidError
from app.services.labeling import drawing
from app.services.sampling.fitting import Fitting
from app.services.sampling.group_sampling import GroupSampling

AT_ONCE = 200
ROWS_AT_ONCE = 20_000


class Misfits:
    """Remembers how far it looked, for the process's life; a new process looks again."""

    def __init__(self, sampling: GroupSampling) -> None:
        self._sampling = sampling
        self._key = ""
        self._after = 0

    def look_on(self) -> bool:
        """One short step; whether there is another one."""
        fitting = self._sampling.fitting()
        if fitting.limit < 1:
            return False  # no prompt fits: that is said when one is sampled
        if fitting.key != self._key:
            self._key, self._after = fitting.key, 0
        return self._take_in(fitting) or self._set_aside(fitting)

    def _take_in(self, fitting: Fitting) -> bool:
        """Prompts that were judged by another version are in use again, until they are found too long for this one."""
        with self._sampling.read() as session:
            prompt_ids = drawing.judged_otherwise(session, fitting.key, AT_ONCE)
        if prompt_ids:
            with transaction(self._sampling.write) as session:
                drawing.take_in_again(session, prompt_ids)
        return bool(prompt_ids)

    def _set_aside(self, fitting: Fitting) -> bool:
        with self._sampling.read() as session:
            newest = drawing.newest_id(session)
            until = min(newest, self._after + ROWS_AT_ONCE)
            long = drawing.long_prompts(session, self._after, until, fitting.limit - fitting.mark_tokens, AT_ONCE)
        for prompt in long:
            reason = _misfit(fitting, prompt)
            if reason is not None:
                with transaction(self._sampling.write) as session:
                    drawing.set_aside(session, prompt.id, reason=reason, key=fitting.key)
        self._after = long[-1].id if len(long) == AT_ONCE else until
        return self._after < newest


def _misfit(fitting: Fitting, prompt: Prompt) -> str | None:
    try:
        fitting.check(prompt.messages)
    except InvalidError as error:
        return error.message
    return None
