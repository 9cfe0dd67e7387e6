"""The frame that small pictures are drawn in."""

from app.web.pictures import BOTTOM, LEFT, RIGHT, TOP, Dot, Picture, across, up


def test_shares_span_the_frame_and_dots_are_joined() -> None:
    assert (across(0), across(1), up(0), up(1)) == (LEFT, RIGHT, BOTTOM, TOP)
    dots = [Dot(across(0.5), up(0.5), 4, ("1",)), Dot(across(1), up(1), 4, ("2",), (up(1), up(0)))]
    assert Picture("s", ("n",), dots, [], []).line == f"170.0,84.0 {RIGHT}.0,{TOP}.0"
