"""A share with its error: its interval keeps to what is possible, and an error that nobody measured is not made up."""

from statistics import NormalDist

import pytest

from app.preferences import Z_95
from app.translation import speaking
from app.web.shares import Share


def test_the_interval_is_that_of_the_normal_distribution() -> None:
    assert pytest.approx(NormalDist().inv_cdf(0.975), abs=0.001) == Z_95
    low, high = (NormalDist(0.71, 0.03).inv_cdf(share) for share in (0.025, 0.975))
    share = Share(0.71, 0.03)
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-4)
    with speaking("en"):
        assert (share.brief, share.interval) == ("71% ± 6%", "95% interval 65% to 77%")


def test_it_keeps_to_what_is_possible() -> None:
    assert (Share(0.98, 0.1).high, Share(0.02, 0.1).low) == (1.0, 0.0)
    assert Share(0.52, 0.03).may_be_chance
    assert not Share(0.6, 0.03).may_be_chance


def test_without_an_error_none_is_told() -> None:
    with speaking("en"):
        assert (Share(0.71, None).brief, Share(0.71, None).interval) == ("71%", "")
    assert not Share(0.71, None).is_measured
