"""Each failure is one sentence for a person."""

from sqlalchemy.exc import OperationalError

from app.errors import UnavailableError
from app.services.sampling.failures import failure_sentence


def test_what_a_person_can_read_is_told_and_a_fault_is_named() -> None:
    assert failure_sentence(UnavailableError("api words", page="Words of the page.")) == "Words of the page."
    full = OperationalError("INSERT", {}, Exception("database or disk is full"))
    assert failure_sentence(full).startswith("The disk of the data folder is full.")
    assert failure_sentence(ValueError("a bug")) == "Its answers could not be written (ValueError: a bug)."
