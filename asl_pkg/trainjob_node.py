"""Program of each pod of a TrainJob: download the data set, train, and upload the result from the first pod."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from asl_pkg import distributed
from asl_pkg.config.load import load
from asl_pkg.config.schema import TrainSettings
from asl_pkg.errors import AslError
from asl_pkg.k8s.trainjob import DATASET_FOLDER, TRAINING_FOLDER
from asl_pkg.storage.s3_folder import S3Folder
from asl_pkg.train import train


def train_node(work: S3Folder, overrides: Sequence[str]) -> None:
    """Run one worker of a distributed training.

    Args:
        work: S3 folder of data set and result.
        overrides: Settings of the training.
    """
    with tempfile.TemporaryDirectory(prefix="asl-train-") as scratch:
        dataset_dir, training_dir = Path(scratch, DATASET_FOLDER), Path(scratch, TRAINING_FOLDER)
        work.download(DATASET_FOLDER, dataset_dir)
        train(load(TrainSettings, overrides), dataset_dir, training_dir)
        if distributed.is_first():
            work.upload(training_dir, TRAINING_FOLDER)


if __name__ == "__main__":
    try:
        train_node(S3Folder.open(sys.argv[1]), sys.argv[2:])
    except AslError as error:
        sys.exit(f"asl: {error}")
