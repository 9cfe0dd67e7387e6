"""Seeds of a run's parts (batches, epochs, laps), made of the run's own seed and the part's number alone.

So a resumed run draws what an uninterrupted one draws, and no generator is saved. Whole numbers in, whole numbers out.
"""

STRIDE = 1_000_003  # a prime: parts of runs with neighbouring seeds meet only after so many
LAP_STRIDE = 100_003  # for orders of prompts, which are drawn beside the batches' own seeds


def part_seed(seed: int, number: int, stride: int = STRIDE) -> int:
    """The seed of part `number` (from 0) of a run."""
    return seed * stride + number
