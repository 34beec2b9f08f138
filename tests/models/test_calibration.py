"""The temperature calibrates the confidences and changes no answer."""

import pytest
import torch
from torch.nn import functional

from asl_pkg.models.calibration import fit_temperature


def labelled_logits(factor: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose labels are drawn from their own softmax, then made too sure by a factor."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 29, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).squeeze(1)
    return logits * factor, labels


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0], ids=["too modest", "honest", "too sure"])
def test_the_temperature_undoes_the_factor(factor: float) -> None:
    assert fit_temperature(*labelled_logits(factor)) == pytest.approx(factor, rel=0.03)


def test_the_temperature_lowers_the_loss_of_a_network_that_is_too_sure() -> None:
    logits, labels = labelled_logits(3.0)
    after = functional.cross_entropy(logits / fit_temperature(logits, labels), labels)
    assert after < functional.cross_entropy(logits, labels) * 0.8


def test_a_split_without_a_mistake_gives_a_finite_temperature() -> None:
    labels = torch.arange(29)
    assert 0.1 <= fit_temperature(functional.one_hot(labels) * 5.0, labels) <= 1.0
