"""Imports: files of any length, in bounded memory, while people keep ranking.

A file is read twice: once to check every row (a bad one is named by its place, and nothing of that file is kept), once
to store. It is stored in short transactions with pauses between, as rows that nobody sees; when all are there, one
write shows them together; then they are let into use, as gently. A crash before that write leaves rows that the next
start removes; after it, rows that the next start lets in.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.prompts import PromptImport
from app.db.models.tags import Tagged
from app.db.session import transaction
from app.errors import AppError, ConflictError, InvalidError, UnavailableError
from app.services.arena.arena_settings import learn_if_chosen
from app.services.data.import_labelers import LabelerCheck
from app.services.data.import_preview import ImportPreview, previewed
from app.services.data.import_seconds import SecondCards, mark_seconds
from app.services.data.import_steps import let_in_some, put_away, remove_some, take_in
from app.services.data.import_summary import ImportSummary
from app.services.data.row_doors import ANY, wrong_door
from app.services.data.row_forms import KNOWN_COLUMNS, Form, GivenRow, read_row
from app.services.data.row_places import OnBad, Place, Rows, refuse
from app.services.data.rows import readable
from app.services.jobs import retraining
from app.services.labeling.labelers import LabelerName
from app.services.labeling.tags import add_tags
from app.services.sampling.fitting import Fitting
from app.translation import N_, _

Result = TypeVar("Result")
Read = Callable[[str, Mapping[str, Any]], GivenRow]
log = logging.getLogger(__name__)
ROWS_AT_ONCE = 500
SLICE_SECONDS, LONGEST_PAUSE_SECONDS = 0.001, 0.005
FIRST_PAUSE_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 60.0
BUSY = N_("Another file is being imported. Send this one again in a minute.")
STOPPED = N_("The server is stopping. Nothing of this file was kept; send it again in a minute.")


class Pace:
    """Works a little, then lets others to the processor and the database for as long."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def breathe(self) -> None:
        """Call it often: it pauses only once a slice is used up."""
        used = time.perf_counter() - self._since
        if used > SLICE_SECONDS:
            time.sleep(min(used, LONGEST_PAUSE_SECONDS))
            self._since = time.perf_counter()


class Importer:
    """Imports one file at a time; `start` and `stop` with the process."""

    def __init__(
        self,
        write: sessionmaker[Session],
        *,
        max_characters: int,
        retrain_after: int,
        folder: Path | None = None,
    ) -> None:
        """`folder`: where files may be written meanwhile."""
        self._write, self._max_characters = write, max_characters
        self._retrain_after, self._folder = retrain_after, folder
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._mine: set[int] = set()

    def start(self) -> None:
        """Cleans up beside the work of the day: rows that nobody sees are in nobody's way."""
        threading.Thread(target=self._clean_up_at_last, name="import-cleaning", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def run(
        self, file: IO[bytes], fitting: Fitting, wanted: frozenset[Form] = ANY, owner: LabelerName | None = None
    ) -> ImportSummary:
        """Takes in all rows, or none: raises InvalidError with the place of one that cannot be taken, or whose form is
        not wanted. A file without rows is one, too: an export of nothing. `owner`: rows of nothing but messages are
        their conversations."""
        read = partial(self._read, owner=owner)
        try:
            with self._alone(), readable(file, KNOWN_COLUMNS, self._folder) as rows:
                seconds = self._check(rows, read, fitting, wanted)
                return self._store(self._read_again(rows, read), seconds)
        except InvalidError as error:
            raise InvalidError(_("{problem} Nothing of this file was kept.", problem=error.message)) from error

    def preview(self, file: IO[bytes], fitting: Fitting, owner: LabelerName | None = None) -> ImportPreview:
        """What `run` would understand of the file, and every row that it would refuse; nothing is kept. Raises
        InvalidError where the file is none of the known kinds."""
        labelers = LabelerCheck(self._write)
        check = partial(_checked, read=partial(self._read, owner=owner), fitting=fitting, labelers=labelers)
        with self._alone(), readable(file, KNOWN_COLUMNS, self._folder) as rows:
            return previewed(partial(self._gently, rows), check)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one_at_a_time.acquire(blocking=False):
            raise ConflictError(_(BUSY))
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _clean_up_at_last(self) -> None:
        """Tries until it succeeds: a lock or a full disk at the start must not leave the rows of a dead import."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self.clean_up()
                return
            except Exception:
                log.warning("what an interrupted import left was not cleaned up; trying again", exc_info=True)
            self._stopping.wait(pause)
            pause = min(2 * pause, MAX_BACKOFF_SECONDS)

    def clean_up(self) -> None:
        """Ends the imports of a process that is gone: those that were shown are let in, others removed. New ones need
        not wait for that."""
        with transaction(self._write) as session:
            unfinished = session.execute(select(PromptImport.id, PromptImport.staged_at)).all()
        for import_id, staged_at in unfinished:
            if import_id not in self._mine:
                self._end(import_id, remove_some if staged_at is None else let_in_some)

    def _check(self, rows: Rows, read: Read, fitting: Fitting, wanted: frozenset[Form]) -> SecondCards:
        """Raises InvalidError with the place of a bad row."""
        seconds, labelers = SecondCards(), LabelerCheck(self._write)
        for place, columns in self._gently(rows):
            row = _checked(place, columns, read, fitting, labelers)
            if row.form not in wanted:
                raise InvalidError(_("{place}: {problem}", place=place, problem=wrong_door(row.form, wanted)))
            if row.ranking is not None:
                seconds.notice(row.ranking)
        return seconds

    def _read(self, place: str, columns: Mapping[str, Any], owner: LabelerName | None) -> GivenRow:
        return _say_where(place, partial(read_row, columns, self._max_characters, owner))

    def _read_again(self, rows: Rows, read: Read) -> Iterator[tuple[str, GivenRow]]:
        for place, columns in self._gently(rows):
            yield place, read(place, columns)

    def _store(self, rows: Iterable[tuple[str, GivenRow]], seconds: SecondCards) -> ImportSummary:
        with transaction(self._write) as session:
            begun = PromptImport()
            session.add(begun)
            session.flush()
            self._mine.add(begun.id)  # before anybody can see it
        summary = ImportSummary()
        try:
            for chunk in chunks(rows):
                summary += self._step(partial(take_in, import_id=begun.id, given=chunk, seconds=seconds))
            pairs = seconds.pairs()
            for at in range(0, len(pairs), ROWS_AT_ONCE):
                self._step(partial(mark_seconds, pairs=pairs[at : at + ROWS_AT_ONCE]))
            shown = update(PromptImport).where(PromptImport.id == begun.id)
            self._step(lambda session: session.execute(shown.values(staged_at=utc_now())))
        except BaseException:
            if not self._stopping.is_set():  # else the next start does it
                self._end(begun.id, remove_some)
            raise
        self._end(begun.id, let_in_some)
        for prompt_id, since in sorted(summary.put_away):
            self._step(partial(put_away, prompt_id=prompt_id, since=since))
        if summary.tagged:
            self._step(partial(add_tags, kind=Tagged.PROMPT, of_records=sorted(summary.tagged)))
        if summary.rankings:
            self._step(partial(retraining.after_ranking, retrain_after=self._retrain_after))
        if summary.votes:
            self._step(partial(learn_if_chosen, retrain_after=self._retrain_after))
        return summary

    def _gently(self, rows: Rows, on_bad: OnBad = refuse) -> Iterator[Place]:
        pace = Pace()
        for row in rows(on_bad):
            pace.breathe()
            if self._stopping.is_set():
                raise UnavailableError(_(STOPPED))
            yield row

    def _end(self, import_id: int, some: Callable[[Session, int, int], int]) -> None:
        """Does `some` of the rows at a time until none is left; what is left when the server stops, the next start
        does."""
        while not self._stopping.is_set() and self._step(lambda session: some(session, import_id, ROWS_AT_ONCE)):
            pass

    def _step(self, action: Callable[[Session], Result]) -> Result:
        """A short transaction, and a pause as long: others wait for one at most."""
        began = time.perf_counter()
        with transaction(self._write) as session:
            result = action(session)
        time.sleep(time.perf_counter() - began)
        return result


def chunks(rows: Iterable[tuple[str, GivenRow]]) -> Iterator[Sequence[tuple[str, GivenRow]]]:
    """As many as a short transaction stores: answers take as long as prompts."""
    chunk: list[tuple[str, GivenRow]] = []
    weight = 0
    for place, row in rows:
        chunk.append((place, row))
        weight += row.records
        if weight >= ROWS_AT_ONCE:
            yield chunk
            chunk, weight = [], 0
    if chunk:
        yield chunk


def _checked(place: str, columns: Mapping[str, Any], read: Read, fitting: Fitting, labelers: LabelerCheck) -> GivenRow:
    """All that a row can be refused for."""
    row = read(place, columns)
    given = row.ranking or row.vote or row.conversation
    if given is not None:
        _say_where(place, partial(labelers.check, given))
    if row.is_prompt:  # of what was compared, it is seen when it is learned from
        _say_where(place, partial(fitting.check_quickly, row.prompt.messages))
    return row


def _say_where(place: str, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except AppError as error:
        raise InvalidError(_("{place}: {problem}", place=place, problem=error.message)) from error
