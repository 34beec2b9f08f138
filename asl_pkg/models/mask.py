"""Restrict a model's answers to the classes that it knows: the others have probability 0."""

from collections.abc import Sequence

import torch
from torch import nn

from asl_pkg import contract
from asl_pkg.class_sets import labels_of

# Added to the logit of an unknown class: the softmax is 0 to the last bit. Infinity would make the gradient of the
# temperature no number.
AWAY = -1e30


class Mask(nn.Module):
    """Suppresses the logits of unknown classes; if all are known, it does nothing and leaves no trace in a graph.

    Args:
        known: Names of the classes that the model knows.
    """

    away: torch.Tensor
    columns: torch.Tensor
    column_of: torch.Tensor

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__()
        labels = labels_of(known)
        self.all_known = len(labels) == len(contract.CLASSES)
        away = torch.full((len(contract.CLASSES),), AWAY)
        away[labels] = 0
        column_of = torch.zeros(len(contract.CLASSES), dtype=torch.int64)
        column_of[labels] = torch.arange(len(labels))
        # Not persistent: the hyper-parameters of a checkpoint say which classes are known.
        self.register_buffer("away", away, persistent=False)
        self.register_buffer("columns", torch.tensor(labels), persistent=False)
        self.register_buffer("column_of", column_of, persistent=False)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """[n, 29] -> [n, 29], those of unknown classes so low that no other class loses probability to them."""
        return logits if self.all_known else logits + self.away

    def narrowed(self, logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [n, known] and labels among the known classes: what label smoothing may spread over."""
        if self.all_known:
            return logits, labels
        return logits.index_select(1, self.columns), self.column_of[labels]
