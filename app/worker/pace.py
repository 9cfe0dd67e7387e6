"""Estimates when a job will have done its steps, from the pace of the last ones. Pure: the clock is the caller's.

Time before the first step (reading models, computing what is kept) says nothing about the steps: where there is much of
it, the first estimate comes with the second step (no `begin`). An estimate that differs little from the one that was
told is not told, once a few steps have shown the pace: what is left is then counted down, as it was promised.
"""

from collections import deque

RECENT_STEPS = 6
TOLERANCE = 0.25
"""Of what is left, but a step at least: by so much may an estimate differ before it is told."""


class Pace:
    def __init__(self) -> None:
        self._moments: deque[float] = deque(maxlen=RECENT_STEPS + 1)
        self._end: float | None = None

    def begin(self, now: float) -> None:
        """The first step begins now."""
        self._moments.append(now)

    def step(self, now: float, steps_left: int) -> float | None:
        """A step is done. Seconds until the last one will be; None while that is unknown."""
        self._moments.append(now)
        if len(self._moments) < 2:
            return None
        pace = (now - self._moments[0]) / (len(self._moments) - 1)
        end = now + pace * steps_left
        settled = self._end is not None and len(self._moments) > RECENT_STEPS
        if not settled or not steps_left or self._differs(end, max(TOLERANCE * (end - now), pace)):
            self._end = end
        assert self._end is not None
        return max(0.0, self._end - now)

    def _differs(self, end: float, tolerance: float) -> bool:
        return self._end is None or abs(end - self._end) > tolerance
