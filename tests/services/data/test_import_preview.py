"""A preview tells what `run` would do with the file: the same rows, the same refusals, and more than the first of
them."""

import io

import pytest

from app.errors import InvalidError
from app.services.data.import_preview import SHOWN_PROBLEMS
from app.services.data.imports import Importer
from app.services.data.row_forms import Form
from app.services.sampling.fitting import Fitting


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
