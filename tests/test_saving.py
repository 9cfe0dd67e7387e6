"""A failed write is told with the step that helps: room on the disk, memory, or another folder."""

import errno

import pytest

from app.saving import TrainingError, saving

FULL, MEMORY, PLACE = "Free some disk space", "Stop other programs", "can be read and written"
FAULTS: list[tuple[Exception, str]] = [
    (OSError(errno.ENOSPC, "No space left on device"), FULL),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), FULL),
    (OSError("9600 requested and 4464 written"), FULL),
    (RuntimeError("PytorchStreamWriter failed"), FULL),
    (MemoryError("Unable to allocate 108. MiB for an array"), MEMORY),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), MEMORY),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), MEMORY),
    (PermissionError(errno.EACCES, "Permission denied"), PLACE),
    (OSError(errno.ENAMETOOLONG, "File name too long"), PLACE),
    (IsADirectoryError(errno.EISDIR, "Is a directory"), PLACE),
]


@pytest.mark.parametrize(("fault", "step"), FAULTS, ids=[str(fault) for fault, _step in FAULTS])
def test_what_helps_is_said(fault: Exception, step: str) -> None:
    with pytest.raises(TrainingError) as told, saving("model"):
        raise fault
    assert told.value.message.startswith("The model could not be saved: ")
    assert [each for each in (FULL, MEMORY, PLACE) if each in told.value.message] == [step]
    assert told.value.message.endswith("what was saved before is untouched.")
