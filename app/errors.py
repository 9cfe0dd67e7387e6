"""Errors that a person caused or can fix: each says what happened and what to do next.

Knows nothing of HTTP beyond the status number that the web layer answers with.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Record(StrEnum):
    """What an error may lead to."""

    VERSION = "version"
    RANKING = "ranking"
    PROMPT = "prompt"
    VOTE = "vote"
    JOB = "job"
    PAGE = "page"
    """By its name in app/web/pages.py: what is to be done is done there."""


@dataclass(frozen=True)
class About:
    """What stands in the way, or where the next step is taken."""

    record: Record
    id: int | str


class AppError(Exception):
    """Base of all errors shown to a person. `message` says what happened and the next step.

    `page` says it to a person at the pages, where that is another next step than a program's.
    """

    status_code = 400
    title = "Bad request"

    def __init__(
        self,
        message: str,
        *,
        page: str | None = None,
        about: About | None = None,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        """`about`: a page has a link there. `param` and `code` are for programs: the field that is wrong, and what is
        wrong, in OpenAI's words."""
        super().__init__(message)
        self.message, self.about, self.param, self.code = message, about, param, code
        self.page_message = message if page is None else page


class NotFoundError(AppError):
    status_code = 404
    title = "Not found"


class ConflictError(AppError):
    status_code = 409
    title = "Conflict"


class GoneError(AppError):
    """It was there and was removed for good."""

    status_code = 410
    title = "Gone"


class InvalidError(AppError):
    status_code = 422
    title = "Invalid input"


class ContextFullError(InvalidError):
    """Prompt and answer are too long together."""

    def __init__(self, message: str, *, tokens: int, page: str | None = None) -> None:
        """`tokens`: of the prompt."""
        super().__init__(message, page=page, code="context_length_exceeded")
        self.tokens = tokens


class UnavailableError(AppError):
    """The server cannot do it now but could later (still loading, queue full, disk full)."""

    status_code = 503
    title = "Not available now"


class LateError(UnavailableError):
    """It took longer than anything may. The same again would, too."""


class CrowdedError(UnavailableError):
    """Too many want it at once. `retry_seconds`: when to come again."""

    def __init__(self, message: str, *, page: str | None = None) -> None:
        super().__init__(message, page=page)
        self.retry_seconds = random.randint(2, 6)  # spread: a crowd must not come back as one
