"""Seeds of a run's parts."""

from app.training.seeds import LAP_STRIDE, part_seed


def test_parts_of_runs_have_seeds_of_their_own() -> None:
    seeds = [part_seed(seed, number) for seed in range(50) for number in range(2_000)]
    assert len(set(seeds)) == len(seeds)


def test_a_seed_is_the_same_for_ever() -> None:
    """Version hashes hang on them."""
    assert part_seed(2, 3) == 2_000_009
    assert part_seed(2, 3, LAP_STRIDE) == 200_009
