"""The list of faults stays alive: each still says something about today's code. `make faults` runs them."""

from collections import Counter

import pytest

from tests.faults.fault import Fault
from tests.faults.lists import FAULTS
from tests.repository import REPOSITORY


@pytest.mark.parametrize("file", sorted({fault.file for fault in FAULTS}))
def test_each_fault_can_be_put_in(file: str) -> None:
    source = (REPOSITORY / file).read_text(encoding="utf-8")
    for fault in FAULTS:
        if fault.file == file:
            changed = fault.applied(source)
            if file.endswith(".py"):
                compile(changed, f"{file} with {fault.name}", "exec")


def test_names_tell_faults_apart_and_their_tests_are_there() -> None:
    twice = [key for key, count in Counter((fault.file, fault.name) for fault in FAULTS).items() if count > 1]
    assert not twice, f"named twice: {twice}"
    for test in {test for fault in FAULTS for test in fault.tests}:
        file, _, name = test.partition("::")
        path = REPOSITORY / file
        assert path.is_file(), f"{file} is gone"
        assert not name or f"def {name}(" in path.read_text(encoding="utf-8"), f"{test} is gone"


def test_a_fault_whose_place_is_gone_is_refused() -> None:
    fault = Fault(file="app/any.py", tests=(), name="gone", old="a + b", new="a - b")
    assert fault.applied("c = a + b") == "c = a - b"
    for source in ("c = a * b", "a + b + a + b"):
        with pytest.raises(ValueError, match="not once"):
            fault.applied(source)
