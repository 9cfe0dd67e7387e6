"""Guidelines for labelers: the default ones in the reader's language, until somebody writes others."""

import pytest
from sqlalchemy.orm import Session

from app.errors import InvalidError
from app.formats.markdown import to_html
from app.services.labeling import guidelines
from app.translation import speaking


def test_the_default_ones_are_in_both_languages_and_can_come_back(session: Session) -> None:
    english = guidelines.shown(session)
    with speaking("zh"):
        chinese = guidelines.shown(session)
    assert english != chinese
    assert to_html(english).count("<li") == to_html(chinese).count("<li") == 4
    assert guidelines.write(session, " *Be kind.*\r\n") == "*Be kind.*" == guidelines.written(session)
    with speaking("zh"):
        assert guidelines.shown(session) == "*Be kind.*"
    for nothing in (None, " \n\u200b"):
        assert guidelines.write(session, nothing) == english
        assert guidelines.written(session) is None


def test_too_long_ones_are_refused(session: Session) -> None:
    with pytest.raises(InvalidError, match="at most 20,000"):
        guidelines.write(session, "x" * 20_001)
