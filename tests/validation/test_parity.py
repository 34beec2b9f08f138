"""Parity with torch: what rounding explains is not held against a graph, and nothing else is excused."""

import numpy as np
import pytest
import torch

from asl_pkg.validation.answers import answer_by_torch
from asl_pkg.validation.parity import ROUNDING_FACTOR, measure_parity, rounding_error


class _Unstable(torch.nn.Module):
    """Loses digits: adds a large number to what it gets, and takes it away again."""

    def __init__(self, large: float) -> None:
        super().__init__()
        self.register_buffer("large", torch.tensor(large))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits = pixels.flatten(1)[:, :29].to(self.large.dtype) / 255
        return torch.softmax((logits + self.large) - self.large, dim=1)


def _rounding(large: float, pixels: np.ndarray) -> float:
    network = _Unstable(large)
    return rounding_error(network, pixels, answer_by_torch(network, pixels))


def _answers() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(29), 5).astype(np.float32)


def test_rounding_errors_grow_with_the_digits_lost() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 200, 200, 3), np.uint8)
    assert _rounding(0.0, pixels) < 1e-6
    assert 1e-6 < _rounding(100.0, pixels) < _rounding(10_000.0, pixels)


def test_what_rounding_explains_is_not_beyond_it() -> None:
    answers = _answers()
    changed = answers * np.float32(1.001)
    assert measure_parity(answers, changed, rounding=0.0).beyond_rounding == pytest.approx(1e-3, rel=0.01)
    assert measure_parity(answers, changed, rounding=1.1e-3 / ROUNDING_FACTOR).beyond_rounding == 0
    assert measure_parity(answers, changed, rounding=1e-6).beyond_rounding == pytest.approx(1e-3, rel=0.02)


def test_an_answer_that_is_not_a_number_is_beyond_any_rounding() -> None:
    changed = _answers()
    changed[2, 3] = np.nan
    assert measure_parity(_answers(), changed, rounding=1.0).beyond_rounding == float("inf")
