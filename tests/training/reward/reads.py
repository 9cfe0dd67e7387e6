"""How many answers a reward model's reader read."""

from collections.abc import Sequence

import pytest

from app.lm.text.end_tokens import EndTokens
from app.training.reward.reading import Blocks, Reader
from app.training.reward.scoring import Answered


def reads_counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on, call by call."""
    counts: list[int] = []
    plain = Reader.read

    def counted(self: Reader, answers: Sequence[Answered], ends: EndTokens) -> list[Blocks]:
        counts.append(len(answers))
        return plain(self, answers, ends)

    monkeypatch.setattr(Reader, "read", counted)
    return counts
