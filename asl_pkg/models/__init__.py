"""The networks, their training, checkpoints, calibration and export."""

from asl_pkg.models.checkpoint import load_checkpoint
from asl_pkg.models.factory import build

__all__ = ["build", "load_checkpoint"]
