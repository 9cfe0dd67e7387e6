"""What Learn shows of the corpus is what cleaning and the writers make of it today."""

import json

from app.corpus.lessons import lessons
from app.layout import LESSONS


def test_the_committed_lessons_are_those() -> None:
    assert json.loads(LESSONS.read_text(encoding="utf-8")) == lessons(), "run `python -m app.corpus.lessons`"
