"""The data in: JSON Lines of any length, in bounded memory, while people go on ranking.

A file is read twice: once to check every line (a bad one is named by its number, and nothing of that file is kept),
once to store. It is stored in short transactions with pauses between, as rows that nobody sees; when all are there, one
write shows them together; then they are let into use, as gently. A crash before that write leaves rows that the next
start removes; after it, rows that the next start lets in.
"""

import threading
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from functools import partial
from itertools import islice
from operator import add
from typing import IO, Any, TypeVar

from sqlalchemy import Delete, Update, delete, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from app.db.base import utc_now
from app.db.models.prompts import Prompt, PromptImport, PromptSource, PromptSplit
from app.db.session import transaction
from app.errors import AppError, ConflictError, InvalidError, UnavailableError
from app.services.conversations import read_conversation, show
from app.services.fitting import Fitting
from app.services.prompts import NewPrompt, digest_of, prompt_row, validate_messages
from app.strict_json import JsonValueError, NotJsonError, parse_json
from app.texts import clean_text

Result = TypeVar("Result")
ROWS_AT_ONCE = 500
MAX_LINE_BYTES = 1 << 20
MAX_LANGUAGE_CHARACTERS = 16
SLICE_SECONDS, LONGEST_PAUSE_SECONDS = 0.001, 0.005
PROMPT_COLUMNS = ("messages", "prompt", "text")
BUSY = "Another file is being imported. Send this one again in a minute."
STOPPED = "The server is stopping. Nothing of this file was kept; send it again in a minute."


@dataclass(frozen=True)
class Imported:
    """What became of a file's lines."""

    lines: int = 0
    new: int = 0
    repeated: int = 0
    """There already, or earlier in the file."""
    kept: int = 0
    """Of these, those that the file gives another split or language than they have: they stay as they are."""

    def __add__(self, other: "Imported") -> "Imported":
        return Imported(*map(add, astuple(self), astuple(other)))


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


class PromptImports:
    """Imports one file at a time; `start` and `stop` with the process."""

    def __init__(self, write: sessionmaker[Session], *, max_characters: int) -> None:
        self._write, self._max_characters = write, max_characters
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._mine: set[int] = set()

    def start(self) -> None:
        """Cleans up beside the work of the day: rows that nobody sees are in nobody's way."""
        threading.Thread(target=self.clean_up, name="import-cleaning", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def run(self, file: IO[bytes], fitting: Fitting) -> Imported:
        """Lines of `{"prompt": text or messages}` or `{"text": ...}`, with optional split and language."""
        if not self._one_at_a_time.acquire(blocking=False):
            raise ConflictError(BUSY)
        try:
            self._check(file, fitting)
            return self._store(file)
        finally:
            self._one_at_a_time.release()

    def clean_up(self) -> None:
        """Ends the imports of a process that is gone: those that were shown are let in, others removed. New ones need
        not wait for that."""
        with transaction(self._write) as session:
            unfinished = session.execute(select(PromptImport.id, PromptImport.staged_at)).all()
        for import_id, staged_at in unfinished:
            if import_id not in self._mine:
                self._end(import_id, _remove_some if staged_at is None else _let_in_some)

    def _check(self, file: IO[bytes], fitting: Fitting) -> None:
        count = 0
        for number, line in self._lines(file):
            try:
                fitting.check_quickly(parse_prompt(line, self._max_characters).messages)
            except AppError as error:
                raise InvalidError(f"Line {number}: {error.message} Nothing of this file was kept.") from error
            count += 1
        if not count:
            raise InvalidError("The file has no lines. Send JSON Lines, one prompt per line.")

    def _store(self, file: IO[bytes]) -> Imported:
        with transaction(self._write) as session:
            begun = PromptImport()
            session.add(begun)
            session.flush()
            self._mine.add(begun.id)  # before anybody can see it
        found = Imported()
        try:
            rows = (parse_prompt(line, self._max_characters) for _, line in self._lines(file))
            while chunk := list(islice(rows, ROWS_AT_ONCE)):
                found += self._step(partial(_add, import_id=begun.id, given=chunk))
            self._step(lambda session: session.execute(_of(begun.id).values(staged_at=utc_now())))
        except BaseException:
            if not self._stopping.is_set():  # else the next start does it
                self._end(begun.id, _remove_some)
            raise
        self._end(begun.id, _let_in_some)
        return found

    def _lines(self, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """Those that are not blank, with their numbers. A mark of byte order before the first, as Windows writes it, is
        none of it."""
        file.seek(0)
        if file.read(len(BOM_UTF8)) != BOM_UTF8:
            file.seek(0)
        pace, number = Pace(), 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            pace.breathe()
            if self._stopping.is_set():
                raise UnavailableError(STOPPED)
            if line.strip():
                yield number, line

    def _end(self, import_id: int, some: Callable[[Session, int], int]) -> None:
        """Does `some` of the rows at a time until none is left; what is left when the server stops, the next start
        does."""
        while not self._stopping.is_set() and self._step(lambda session: some(session, import_id)):
            pass

    def _step(self, action: Callable[[Session], Result]) -> Result:
        """A short transaction, and a pause as long: others wait for one at most."""
        began = time.perf_counter()
        with transaction(self._write) as session:
            result = action(session)
        time.sleep(time.perf_counter() - began)
        return result


def _of(import_id: int) -> Update:
    return update(PromptImport).where(PromptImport.id == import_id)


def _add(session: Session, import_id: int, given: list[NewPrompt]) -> Imported:
    """Those that are not stored yet, each once: the first of several."""
    if session.get(PromptImport, import_id) is None:
        raise UnavailableError("The import was ended by another start of Fourfold. Send the file again.")
    found, new = Imported(lines=len(given)), []
    known, left_behind = _known(session, import_id, {digest_of(each.messages) for each in given})
    for each in given:
        row = prompt_row(each, PromptSource.IMPORTED) | {"import_id": import_id}
        digest = row["digest"]
        if digest in known:
            found += Imported(repeated=1, kept=int(_differs(each, *known[digest])))
            continue
        known[digest] = (row["split"], row["language"])
        found += Imported(new=1)
        if digest in left_behind:
            session.execute(update(Prompt).where(Prompt.digest == digest).values(row))
        else:
            new.append(row)
    if new:
        session.execute(insert(Prompt), new)
    return found


Known = dict[str, tuple[PromptSplit, str]]


def _known(session: Session, import_id: int, digests: set[str]) -> tuple[Known, set[str]]:
    """Split and language of those that are stored; and those that an import left behind which came to nothing: they
    are about to be removed, this one takes them over."""
    over = select(PromptImport.id).where(PromptImport.staged_at.is_(None), PromptImport.id != import_id)
    left = set(session.scalars(select(Prompt.digest).where(Prompt.digest.in_(digests), Prompt.import_id.in_(over))))
    stored = select(Prompt.digest, Prompt.split, Prompt.language).where(Prompt.digest.in_(digests - left))
    return {digest: (split, language) for digest, split, language in session.execute(stored)}, left


def _differs(given: NewPrompt, split: PromptSplit, language: str) -> bool:
    """Whether the file says otherwise than what is stored."""
    return given.split not in (None, split) or given.language not in (None, language)


def _let_in_some(session: Session, import_id: int) -> int:
    """How many; none are left after 0, and the import is over."""
    return _some(session, import_id, update(Prompt).values(import_id=None))


def _remove_some(session: Session, import_id: int) -> int:
    return _some(session, import_id, delete(Prompt))


def _some(session: Session, import_id: int, change: Update | Delete) -> int:
    ids = list(session.scalars(select(Prompt.id).where(Prompt.import_id == import_id).limit(ROWS_AT_ONCE)))
    if ids:
        session.execute(change.where(Prompt.id.in_(ids)).execution_options(synchronize_session=False))
    else:
        session.execute(delete(PromptImport).where(PromptImport.id == import_id))
    return len(ids)


def parse_prompt(line: bytes, max_characters: int) -> NewPrompt:
    """Raises InvalidError with what is wrong."""
    row = _json_object(line)
    column = next((name for name in PROMPT_COLUMNS if row.get(name) is not None), None)
    if column is None:
        raise InvalidError("it needs prompt (a text) or messages (a list of role and content).")
    messages = validate_messages(read_conversation(row[column], column), max_characters)
    return NewPrompt(messages, _split(row.get("split")), _language(row.get("language")))


def _split(given: object) -> PromptSplit | None:
    if given is None:
        return None
    if given not in list(PromptSplit):
        raise InvalidError(f"split must be one of {', '.join(PromptSplit)}; it is {show(given)}.")
    return PromptSplit(str(given))


def _language(given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or len(clean_text(given)) > MAX_LANGUAGE_CHARACTERS:
        raise InvalidError(f"language is a short code such as en or zh, {MAX_LANGUAGE_CHARACTERS} characters at most.")
    return clean_text(given) or None


def _json_object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise InvalidError(f"it is longer than {MAX_LINE_BYTES >> 10:,} kB.")
    try:
        row = parse_json(line)
    except NotJsonError as error:
        raise InvalidError(f"it is not valid JSON ({error}).") from error
    except JsonValueError as error:
        raise InvalidError(f"{error}.") from error
    if not isinstance(row, dict):
        raise InvalidError("it is not a JSON object.")
    return row
