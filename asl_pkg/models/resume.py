"""Resume a killed training from its whole state, written after each epoch to a folder or to S3."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint

from asl_pkg.data.datamodule import ImageData
from asl_pkg.distributed import all_reduce_any
from asl_pkg.errors import DataError
from asl_pkg.models.history import History
from asl_pkg.progress import say
from asl_pkg.storage.folder import Folder, open_folder


class CheckpointStore:
    """Storage of one training's state; an incomplete state is never visible.

    Args:
        folder: Folder with the states of trainings.
        name: File name of this state.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self.folder = folder
        self.name = name
        self.url = folder.url(name)

    def fetch(self, target: Path) -> bool:
        """Copy the state to a file; False if there is none."""
        self.folder.require()  # better refused now than after the first epoch
        if not self.folder.has(self.name):
            return False
        self.folder.fetch_file(self.name, target)
        return True

    def put(self, source: Path) -> None:
        """Replace the state by a file."""
        self.folder.put_file(source, self.name)

    def remove(self) -> None:
        """Remove the state, if there is one."""
        self.folder.remove_file(self.name)


def open_checkpoint_store(uri: str, key: str) -> CheckpointStore:
    """Open the storage of a training's state.

    Args:
        uri: A folder, or s3://BUCKET/PREFIX.
        key: Name of the training; other data, settings or code give another one.

    Returns:
        The store; nothing is written yet.

    Raises:
        DataError: It is a URL of another kind.
    """
    return CheckpointStore(open_folder(uri), f"{key}.ckpt")


class ResumeCallback(Checkpoint):
    """Writes the state after each epoch, and continues from the state of an earlier process.

    The state is a checkpoint of Lightning's with what else a training needs: the best checkpoint so far, the history,
    the images seen and whether training has stopped early.

    Args:
        where: Storage of the state.
        best: Callback that writes the best checkpoint so far.
        history: Figures of the epochs.
        data: Data with the images seen so far.
        scratch: Folder for a file that is being copied.
    """

    def __init__(
        self, where: CheckpointStore, best: ModelCheckpoint, history: History, data: ImageData, scratch: Path
    ) -> None:
        self.where = where
        self.best = best
        self.history = history
        self.data = data
        self.file = scratch / "state.ckpt"
        self.resumed = self.stopped = False
        self.added: dict[str, Any] = {}  # to the checkpoint that is being saved as the state

    def find(self) -> Path | None:
        """Get the state that an earlier process wrote.

        Returns:
            A checkpoint for Lightning to resume from; None if there is none.

        Raises:
            DataError: The state cannot be read.
        """
        if not self.where.fetch(self.file):
            return None
        try:
            torch.load(self.file, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise DataError(f"{self.where.url} is not a training state: remove it and run `asl train` again") from error
        return self.file

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore what Lightning does not know; it restores the rest."""
        folder = Path(str(self.best.dirpath))
        folder.mkdir(parents=True, exist_ok=True)
        path = str(folder / "best.ckpt")
        if trainer.is_global_zero:
            # its run is this one from now on
            torch.save(checkpoint["best"] | {"hyper_parameters": dict(pl_module.hparams)}, path)
            say(f"resuming after epoch {len(checkpoint['rows'])} from {self.where.url}")
        state = checkpoint["callbacks"][self.best.state_key]
        state |= {"dirpath": self.best.dirpath, "best_model_path": path, "kth_best_model_path": path}
        state["best_k_models"] = {path: state["best_model_score"]}
        self.history.take_up(checkpoint["rows"])
        self.data.seen[:] = checkpoint["seen"].numpy()
        self.resumed, self.stopped = True, checkpoint["stopped"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Train no further than the earlier process would have."""
        trainer.should_stop = self.stopped

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Draw the random numbers that a loader draws between two epochs, so that dropout continues from there."""
        if self.resumed and batch_idx == 0:
            torch.empty((), dtype=torch.int64).random_()
            self.resumed = False

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add what Lightning does not know; nothing to the best checkpoint, which is saved the same way."""
        checkpoint |= self.added

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the state; the history and the best checkpoint have been written already."""
        seen = all_reduce_any(torch.from_numpy(self.data.seen))
        if trainer.is_global_zero:
            self.added = {
                "best": torch.load(self.best.best_model_path, weights_only=True),
                "rows": self.history.rows,
                "seen": seen,
                "stopped": trainer.should_stop,
            }
        trainer.save_checkpoint(self.file)
        self.added = {}
        if not trainer.is_global_zero:
            return
        try:
            self.where.put(self.file)
        except (DataError, OSError) as error:
            warnings.warn(f"a training killed now would lose this epoch: {error}", stacklevel=2)
