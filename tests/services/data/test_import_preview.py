"""A preview tells what `run` would do with the file: the same rows, the same refusals, and more than the first of
them."""

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from app.db.models.labelers import LabelerKind
from app.db.session import transaction
from app.errors import InvalidError
from app.services.data.import_preview import SHOWN_PROBLEMS
from app.services.data.imports import Importer
from app.services.data.row_forms import Form
from app.services.labeling.labelers import get_or_create_labeler
from app.services.sampling.fitting import Fitting

QUESTION = {"role": "user", "content": "q"}
SIDES = [{"text": "a", "written_by": "policy 7"}, {"text": "b", "written_by": "policy 8"}]
RECORDS: tuple[dict[str, Any], ...] = (
    {"prompt": "q", "chosen": "a", "rejected": "b"},
    {"prompt": "q", "chosen": "a", "rejected": "a"},
    {"prompt": "q", "answers": ["a", "b"], "ranks": [1, 2]},
    {"prompt": "q", "pair": SIDES, "verdict": "a"},
    {"conversation_id": 1, "title": "t", "messages": [QUESTION]},
    {"prompt": "q"},
)
FAULTS: tuple[dict[str, Any], ...] = (
    {"created_at": "soon"}, {"split": "half"}, {"prompt": 7, "messages": 7}, {"duration_ms": "long"}, {"tags": 1},
)  # fmt: skip
NAMES = (None, "ada", "robot", "eve", "imported", "", "x" * 65, 17)
KINDS = (None, "person", "simulated", "imported", "alien")


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A record of a labeler, of whom all that a file says may be wrong; seldom something else of it is."""
    named = {"labeler": draw(st.sampled_from(NAMES)), "labeler_kind": draw(st.sampled_from(KINDS))}
    wrong = draw(st.sampled_from(FAULTS)) if draw(st.integers(0, 9)) == 0 else {}
    return {**draw(st.sampled_from(RECORDS)), **named, **wrong}


def test_all_bad_rows_are_counted_and_the_first_of_them_named(importer: Importer, fitting: Fitting) -> None:
    lines = [b'{"prompt": "fine"}', *([b'{"promt": 1}'] * 50), b'{"prompt": "q", "chosen": "a", "rejected": "a"}']
    preview = importer.preview(io.BytesIO(b"\n".join(lines)), fitting)
    assert (preview.rows, preview.num_problems, len(preview.problems)) == (2, 50, SHOWN_PROBLEMS)
    assert preview.problems[0].startswith("Line 2: ")
    assert (preview.forms[Form.PROMPTS], preview.forms[Form.COMPARISONS], preview.same_text) == (1, 1, 1)
    assert not preview.can_be_imported


def test_one_bad_line_far_behind_is_named_by_its_number(importer: Importer, fitting: Fitting) -> None:
    file = io.BytesIO(b'{"prompt": "fine"}\n' * 20_000 + b'{"prompt": 7}\n' + b'{"prompt": "fine"}\n' * 10)
    preview = importer.preview(file, fitting)
    [problem] = preview.problems
    assert problem.startswith("Line 20001: ")
    assert preview.rows == 20_010
    with pytest.raises(InvalidError, match=r"Line 20001: .*Nothing of this file was kept"):
        importer.run(file, fitting)


def test_where_rows_cannot_be_told_apart_any_more_it_says_so(importer: Importer, fitting: Fitting) -> None:
    for content in (b'[{"prompt": "one"}, {"prompt": ', b'prompt,text\none,\n"no end'):
        preview = importer.preview(io.BytesIO(content), fitting)
        assert preview.ends_early, content
        assert preview.num_problems == 1


def test_what_can_be_read_is_taken(importer: Importer, fitting: Fitting) -> None:
    file = io.BytesIO(b'[{"prompt": "one"}, {"prompt": "two", "completion": "so", "extra": 1}]')
    preview = importer.preview(file, fitting)
    assert preview.can_be_imported
    assert (preview.answers_not_kept, preview.columns_not_kept) == (1, {"extra"})
    assert [place for place, _ in preview.examples] == ["Entry 1", "Entry 2"]
    assert importer.run(file, fitting).new == 2


EVE = {**RECORDS[0], "labeler": "eve"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.lists(rows(), min_size=1, max_size=3))
@example(file=[{**RECORDS[2], "labeler": "ada", "labeler_kind": "simulated"}])
@example(file=[{**EVE, "labeler_kind": "person"}, {**EVE, "labeler_kind": "simulated", "chosen": "c"}])
@example(file=[EVE, {**EVE, "labeler_kind": "person"}])
def test_what_it_finds_nothing_wrong_with_is_taken_and_nothing_else(
    importer: Importer, fitting: Fitting, write: sessionmaker[Session], file: list[dict[str, Any]]
) -> None:
    with transaction(write) as session:
        get_or_create_labeler(session, "ada")
        get_or_create_labeler(session, "robot", LabelerKind.SIMULATED)
    content = io.BytesIO("\n".join(map(json.dumps, file)).encode())
    preview = importer.preview(content, fitting)
    if not preview.num_problems:
        assert importer.run(content, fitting).lines == len(file)
        return
    with pytest.raises(InvalidError) as refused:
        importer.run(content, fitting)
    assert refused.value.message == f"{preview.problems[0]} Nothing of this file was kept."
