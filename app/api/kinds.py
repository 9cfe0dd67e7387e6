"""The kinds of job as the API describes them: an enum of the names that the registry knows."""

from enum import StrEnum
from typing import TYPE_CHECKING

from app.kinds.registry import KINDS

if TYPE_CHECKING:
    JobKind = str
else:
    JobKind = StrEnum("JobKind", {name.upper(): name for name in KINDS})
