import re

from asl_pkg.data.audit.measures import Stretch
from asl_pkg.data.audit.plots import WIDTH, strip


def boxes(drawing: str, split: str) -> list[tuple[float, float]]:
    """Left edge and width of a split's boxes."""
    path = re.search(rf'class="{split}" d="([^"]*)"', drawing)
    found = re.findall(r"M([\d.]+) 0h([\d.]+)v", path[1]) if path else []
    return [(float(left), float(width)) for left, width in found]


def test_recordings_lie_along_their_frames_with_a_cut_between_them() -> None:
    drawing = strip([Stretch(0, "a", "train", 0, 499, 9), Stretch(0, "b", "test", 500, 999, 9)])
    assert boxes(drawing, "train") == [(0, WIDTH / 2)]
    assert boxes(drawing, "test") == [(WIDTH / 2, WIDTH / 2)]
    assert 'class="cut" d="M500.0' in drawing


def test_recordings_that_share_frame_numbers_lie_one_after_the_other_by_their_images() -> None:
    drawing = strip([Stretch(0, "a", "train", 0, 9, 30), Stretch(0, "b", "test", 0, 9, 10)])
    assert boxes(drawing, "train") == [(0, 750)]
    assert boxes(drawing, "test") == [(750, 250)]


def test_frames_that_are_not_there_leave_no_hole_within_a_recording() -> None:
    drawing = strip([Stretch(0, "a", "train", 0, 50, 6), Stretch(0, "a", "test", 60, 99, 5)])
    assert boxes(drawing, "train") == [(0, 600)]


def test_thousands_of_recordings_make_a_small_drawing() -> None:
    many = [Stretch(0, str(row), "test" if row % 500 == 0 else "train", row, row, 1) for row in range(3000)]
    drawing = strip(many)
    assert len(boxes(drawing, "test")) == 6
    assert len(drawing) < 1000


def test_so_many_cuts_that_they_would_hide_the_recordings_are_left_out() -> None:
    many = [Stretch(0, str(row), "test" if row % 2 else "train", row, row, 1) for row in range(100)]
    assert 'class="cut"' in strip(many[:30])
    assert 'class="cut"' not in strip(many)


def test_one_image_is_drawn() -> None:
    assert boxes(strip([Stretch(0, "a", "train", 7, 7, 1)]), "train") == [(0, WIDTH)]
