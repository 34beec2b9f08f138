"""Models made by the verbs as a user makes them; what is there already is not made again."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from asl_pkg import contract
from asl_pkg.config.schema import TrainSettings
from asl_pkg.export import export
from asl_pkg.pull import pull
from asl_pkg.train import train
from asl_pkg.validate import validate
from asl_pkg.validation.report import Report, read_report


@dataclass(frozen=True)
class Made:
    """A model and what it was made from.

    Args:
        settings: Settings of data set, training and validation.
        folder: Folder of the model.
        dataset: the data set, which other models may share.
    """

    settings: TrainSettings
    folder: Path
    dataset: Path

    @property
    def checkpoint(self) -> Path:
        """What train wrote."""
        return self.folder / "models" / contract.BEST_CHECKPOINT

    @property
    def bundle(self) -> Path:
        """What export wrote."""
        return self.folder / "models" / "bundle"

    @property
    def report_dir(self) -> Path:
        """What validate wrote."""
        return self.folder / "report"

    def make(self) -> "Made":
        """Pull, train and export, as far as that was not done before."""
        if not (self.dataset / contract.DATASET_FILE).is_file():
            pull(self.settings, self.dataset)
        account = self.folder / "models" / contract.SEEN_FILE
        if not (self.checkpoint.is_file() and account.is_file()):
            metrics = train(self.settings, self.dataset, self.folder / "models")
            print(f"{self.folder}: trained in {metrics['seconds']:,.0f} s", flush=True)
        if not self.bundle.is_dir():
            export(self.settings, self.checkpoint, self.bundle)
        return self

    def report(self, store: Path) -> Report:
        """Validate against what serves from a store, if that was not done before."""
        if not self.report_dir.is_dir():
            settings = dataclasses.replace(self.settings, store=str(store))
            validate(settings, self.bundle, self.dataset, self.checkpoint, self.report_dir)
        return read_report(self.report_dir)
