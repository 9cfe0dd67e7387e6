"""Why answers could not be written ahead of time, in a sentence for whoever waits for them."""

from sqlalchemy.exc import DBAPIError

from app.db.trouble import sentence_of
from app.errors import AppError
from app.translation import _


def failure_sentence(error: Exception) -> str:
    if isinstance(error, AppError):
        return error.page_message
    if isinstance(error, DBAPIError):
        return sentence_of(error)
    return _("Its answers could not be written ({error}).", error=f"{type(error).__name__}: {error}")
