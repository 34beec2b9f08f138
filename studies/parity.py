"""Does ONNX Runtime compute what torch computes, for every network on offer? 5,000 images each.

    python -m studies.parity --work parity

Deeper networks learn for fewer epochs, since arithmetic is compared, not skill. But they have to learn: a network that
did not knows no statistics for its batch norms, and what it computes is out of proportion. What is trained already in
--work is not trained again; the validation is.
"""

import argparse
import contextlib
import os
import platform
import shutil
import sys
import time
from pathlib import Path

from asl_pkg.config.schema import (
    BaselineModel,
    ModelSettings,
    ResNetModel,
    SyntheticData,
    TrainerSettings,
    TrainSettings,
    ValidateSettings,
)
from studies.good_models import Made
from tests.faults.page import DOCS, table, write_part

SEED = 31
NETWORKS: dict[str, tuple[ModelSettings, int]] = {
    "BaselineCNN": (BaselineModel(), 19),
    "ResNet-18": (ResNetModel(backbone="resnet18"), 6),
    "ResNet-34": (ResNetModel(backbone="resnet34"), 3),
    "ResNet-50": (ResNetModel(backbone="resnet50"), 2),
}
HEADER = ("network", "epochs", "images", "greatest difference", "other class", "too close", "validation")


def compared(name: str, network: ModelSettings, epochs: int, signers: int) -> tuple[str, ...]:
    """A row of the table: one network, made and validated thoroughly."""
    made = Made(
        TrainSettings(
            seed=SEED,
            data=SyntheticData(train_signers=signers, cache_dir="decoded"),
            model=network,
            trainer=TrainerSettings(max_epochs=epochs, patience_epochs=epochs),
            validate=ValidateSettings(thorough=True),
        ),
        Path(name),
        Path("dataset"),
    ).make()
    shutil.rmtree(made.report_dir, ignore_errors=True)
    start = time.monotonic()
    metrics = made.report(Path("no store")).body.metrics
    seconds = time.monotonic() - start
    if metrics is None or metrics.parity.greatest is None:
        sys.exit(f"{name}: the network could not be measured, see {made.report_dir}")
    parity = metrics.parity
    return (
        name,
        str(epochs),
        f"{parity.images:,}",
        f"{parity.greatest:.1e}",
        str(parity.other_class),
        str(parity.close),
        f"{seconds:.0f} s",
    )


def main() -> None:
    """Compare every network; write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("parity"), help="folder for data set and models")
    parser.add_argument("--signers", type=int, default=24, help="to learn from")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--docs", type=Path, help=f"also write the table into this file: {DOCS.name}")
    options = parser.parse_args()
    docs = options.docs.resolve() if options.docs else None
    options.work.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(options.work):
        rows = [compared(name, *NETWORKS[name], options.signers) for name in options.networks]
    found = f"{platform.machine()}, {os.cpu_count()} cores.\n\n{table(HEADER, rows)}"
    print(f"\n{found}")
    if docs:
        write_part(docs, "parity", found)


if __name__ == "__main__":
    main()
