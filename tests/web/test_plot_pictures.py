"""The plain picture of a plot: within its box, upright, gaps left out."""

from app.web.plot_pictures import BOTTOM, LEFT, RIGHT, TOP, picture_of


def test_lines_go_from_edge_to_edge_and_upwards() -> None:
    picture = picture_of([(1, [0.0, 4.0]), (2, [1.0, None]), (5, [2.0, 2.0])])
    assert picture is not None
    middle = (TOP + BOTTOM) / 2
    assert (
        picture.lines[0]
        == f"{LEFT}.0,{BOTTOM}.0 {LEFT + (RIGHT - LEFT) / 4},{(middle + BOTTOM) / 2} {RIGHT}.0,{middle}"
    )
    assert picture.lines[1] == f"{LEFT}.0,{TOP}.0 {RIGHT}.0,{middle}"
    assert [(tick.place, tick.label) for tick in picture.levels] == [(BOTTOM, "0"), (middle, "2"), (TOP, "4")]
    assert [(tick.place, tick.label) for tick in picture.steps] == [(LEFT, "1"), (RIGHT, "5")]


def test_a_share_is_drawn_from_nought_to_one() -> None:
    picture = picture_of([(1, [0.5]), (2, [0.75])], share=True)
    assert picture is not None
    assert [tick.label for tick in picture.levels] == ["0", "0.5", "1"]
    below = picture_of([(1, [-0.5]), (2, [0.75])], share=True)
    assert below is not None
    assert [tick.label for tick in below.levels] == ["−0.5", "0.25", "1"]


def test_a_flat_line_lies_in_the_middle_and_a_point_is_no_line() -> None:
    flat = picture_of([(1, [3.0]), (2, [3.0])])
    assert flat is not None
    assert flat.lines == [f"{LEFT}.0,{(TOP + BOTTOM) / 2} {RIGHT}.0,{(TOP + BOTTOM) / 2}"]
    assert picture_of([(1, [3.0])]) is None
    assert picture_of([(1, [None]), (2, [None])]) is None
    assert picture_of([]) is None
