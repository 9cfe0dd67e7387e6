"""When a job will have done its steps, by the pace of the last ones. Pure: the clock is the caller's.

Time before the first step (reading models, computing what is kept) says nothing about the steps: where there is much of
it, the first estimate comes with the second step (no `begin`). An estimate that would move the end a little later is
not told: what is left is then counted down, as it was promised. One that is far off, or earlier, is.
"""

from collections import deque

RECENT_STEPS = 6
TOLERANCE = 0.25
"""Of what is left: so much later may the end seem before it is put off."""


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
        seconds = (now - self._moments[0]) / (len(self._moments) - 1) * steps_left
        put_off = self._end is None or now + seconds > self._end + TOLERANCE * seconds
        if put_off or (self._end is not None and now + seconds < self._end):
            self._end = now + seconds
        assert self._end is not None
        return max(0.0, self._end - now)
