"""What a file would be understood as, before anything of it is kept: counted, with examples, and each bad row named."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import InvalidError
from app.services.data.import_summary import SHOWN_COLUMNS
from app.services.data.row_forms import Form, GivenRow
from app.services.data.row_places import OnBad, Place, RowError

EXAMPLES_OF_A_FORM = 3
SHOWN_PROBLEMS = 20


@dataclass
class ImportPreview:
    rows: int = 0
    """Those that can be read."""
    forms: Counter[Form] = field(default_factory=Counter)
    """How many rows of each form."""
    examples: list[tuple[str, GivenRow]] = field(default_factory=list)
    """The first rows of each form, with their places."""
    problems: list[str] = field(default_factory=list)
    """The first SHOWN_PROBLEMS of them, each with its place."""
    num_problems: int = 0
    ends_early: bool = False
    """Whether the last problem was such that what stands behind it cannot be told into rows."""
    answers_not_kept: int = 0
    questions_not_kept: int = 0
    same_text: int = 0
    """Comparisons of a text with itself."""
    columns_not_kept: set[str] = field(default_factory=set)

    @property
    def can_be_imported(self) -> bool:
        return self.num_problems == 0 and self.rows > 0

    def refuse(self, error: InvalidError) -> None:
        self.num_problems += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(error.page_message)

    def add(self, place: str, row: GivenRow) -> None:
        self.rows += 1
        self.forms[row.form] += 1
        if self.forms[row.form] <= EXAMPLES_OF_A_FORM:
            self.examples.append((place, row))
        self.answers_not_kept += row.answers_not_kept
        self.questions_not_kept += row.questions_not_kept
        self.same_text += row.ranking is not None and not row.ranking.says_something
        if len(self.columns_not_kept) < SHOWN_COLUMNS:
            self.columns_not_kept |= row.columns_not_kept


def previewed(
    read: Callable[[OnBad], Iterator[Place]], check: Callable[[str, Mapping[str, Any]], GivenRow]
) -> ImportPreview:
    """`read` gives the rows, and is told what to do with bad ones; `check` raises InvalidError with a row's place."""
    preview = ImportPreview()
    rows = read(preview.refuse)
    while True:
        try:
            place, columns = next(rows)
        except StopIteration:
            return preview
        except InvalidError as error:
            if not isinstance(error, RowError) and not preview.rows and not preview.num_problems:
                raise  # of the file, which has no rows that could be told
            preview.refuse(error)
            preview.ends_early = True
            return preview
        try:
            preview.add(place, check(place, columns))
        except InvalidError as error:
            preview.refuse(error)
