"""Calibration of the confidences."""

import torch
from torch.nn import functional

from asl_pkg import contract


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Find the temperature with the least negative log-likelihood.

    Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2.

    Args:
        logits: float [n, 29], of images that training did not learn from.
        labels: int64 [n].

    Returns:
        Divisor of the logits; above 1, the network was overconfident.
    """
    logits = logits.double()
    log_temperature = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = functional.cross_entropy(logits / log_temperature.exp(), labels)
        value.backward()
        return value

    optimizer.step(loss)
    # A split without a mistake has no minimum: the likelihood grows for ever as the temperature falls.
    return float(log_temperature.detach().exp().clamp(*contract.TEMPERATURES))
