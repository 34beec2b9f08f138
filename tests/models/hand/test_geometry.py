"""A hand is described the same wherever it is and however large, and variation keeps it a hand."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg.models.hand import geometry


def _hands(seed: int = 0, count: int = 3) -> torch.Tensor:
    return torch.rand(count, 2, 21, 3, generator=torch.Generator().manual_seed(seed))


@given(st.floats(0.01, 100), st.floats(-10, 10), st.floats(-10, 10), st.integers(0, 100))
def test_place_and_size_make_no_difference(scale: float, x: float, y: float, seed: int) -> None:
    hands = _hands(seed).double()
    moved = scale * hands + torch.tensor([x, y, 0.0])
    torch.testing.assert_close(geometry.measure(moved), geometry.measure(hands), atol=1e-6, rtol=1e-6)


def test_each_set_of_landmarks_has_its_measures() -> None:
    assert geometry.measure(_hands()).shape == (3, 2 * geometry.SHAPE_MEASURES)


def test_a_hand_in_one_point_has_finite_measures() -> None:
    assert torch.isfinite(geometry.measure(torch.zeros(1, 2, 21, 3))).all()


def test_variation_makes_other_hands_and_both_sides() -> None:
    torch.manual_seed(0)
    hands = _hands(count=1).expand(64, -1, -1, -1)
    varied = geometry.vary(hands)
    assert varied.shape == hands.shape
    assert len(varied.flatten(1).unique(dim=0)) == 64
    across = (varied[:, 0, 17, 0] - varied[:, 0, 5, 0]).sign()
    assert {-1.0, 1.0} <= set(across.tolist())
