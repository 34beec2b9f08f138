"""Does a model read a stranger's hand? Networks trained on real images, on synthetic ones and on both.

Two archives of photographs, each of another signer. Trained on one (real), on synthetic hands (synthetic) or on both
together (mixed), a network is tested on the signer whom it never saw:

    python -m studies.strangers signer1.zip signer2.zip --model baseline --work strangers

The budget is the same for each recipe: so many images are trained on, an image counting each time that it is seen.
A larger data set is passed over less often.

Scored are the still letters whose shapes agree. Left out are M, N, P and T, which one of the two signers makes in a
way of his own; `nothing`, `space` and `del`, which are no letters and are shown differently; J and Z, which are
movements, of which every source shows another moment. All 29 classes are trained and may be answered. Neighbouring
frames are resampled together: an interval says how far the figure may be off for this one stranger, not for others.
What is trained already in --work is not trained again.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch

from asl_pkg import contract
from asl_pkg.config.schema import (
    ArchiveData,
    BaselineModel,
    DataSettings,
    FolderData,
    ModelSettings,
    ResNetModel,
    Settings,
    SyntheticData,
    TrainerSettings,
    TrainSettings,
)
from asl_pkg.data.dataset import read_info, read_split, write_info
from asl_pkg.data.hashing import dataset_digest
from asl_pkg.data.sample import RejectedFile, Sample
from asl_pkg.data.sources import open_source
from asl_pkg.export import export
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.pull import pull
from asl_pkg.storage.atomic import atomic_directory
from asl_pkg.train import train
from asl_pkg.validation.external import ExternalScore, score

LEFT_OUT = {*"MNPTJZ", "nothing", "space", "del"}
SCORED = {label for label, name in enumerate(contract.CLASSES) if name not in LEFT_OUT}
RESAMPLES = 1000
SYNTHETIC = "synthetic"
DIGESTED = ("sha256", "label", "split", "group")


def real_source(path: Path) -> FolderData:
    """Settings that read an archive or folder."""
    return ArchiveData(path=str(path)) if path.is_file() else FolderData(path=str(path))


def pulled(data: DataSettings, seed: int, folder: Path) -> Path:
    """A data set, made where it is not there yet."""
    if not folder.is_dir():
        print(f"{folder}: {pull(Settings(seed=seed, data=data), folder).summary}", flush=True)
    return folder


def mixed(real: Path, synthetic: Path, folder: Path) -> Path:
    """Both data sets as one, split by split: data=mix would hold out signers by chance, perhaps the real one."""
    if folder.is_dir():
        return folder
    with atomic_directory(folder) as beside:
        rows: list[tuple[str, int, str, str]] = []
        for split in contract.SPLITS:
            table = pa.concat_tables(
                [read_split(folder, split) for folder in (real, synthetic)], promote_options="default"
            )
            pa.parquet.write_table(table, beside / f"{split}-00000-of-00001.parquet", row_group_size=500)
            rows += zip(*(table[name].to_pylist() for name in DIGESTED), strict=True)
        counts = {
            split: {name: own + read_info(synthetic).counts[split][name] for name, own in named.items()}
            for split, named in read_info(real).counts.items()
        }
        write_info(beside, read_info(real).model_copy(update={"digest": dataset_digest(rows), "counts": counts}))
    return folder


def strangers(path: Path, every: int) -> Iterator[Sample | RejectedFile]:
    """What is scored of a source."""
    source = open_source(real_source(path), 0, Path("downloads"))
    scored = (item for item in source.read(0) if isinstance(item, RejectedFile) or item.label in SCORED)
    return itertools.islice(scored, 0, None, every)


def trained(model: ModelSettings, dataset_dir: Path, seed: int, options: argparse.Namespace) -> Path:
    """The bundle of a network trained on a data set, with the budget that all have."""
    images = sum(read_info(dataset_dir).counts["train"].values())
    epochs = max(1, round(options.budget / images))
    folder = Path(f"{model.name}-{dataset_dir.name}-seed{seed}-{epochs}epochs")
    if not (folder / contract.BEST_CHECKPOINT).is_file():
        data = SyntheticData(batch_size=options.batch_size, cache_dir="decoded")
        trainer = TrainerSettings(max_epochs=epochs, patience_epochs=epochs)
        metrics = train(TrainSettings(seed=seed, data=data, model=model, trainer=trainer), dataset_dir, folder)
        print(f"{folder}: {images:,} images, trained in {metrics['seconds']:,.0f} s", flush=True)
    export(Settings(seed=seed), folder / contract.BEST_CHECKPOINT, folder / "bundle")
    return folder / "bundle"


def row(found: ExternalScore, **of_what: Any) -> dict[str, Any]:
    """A row of the table: one network on one stranger."""
    accuracy = found.accuracy
    return of_what | {
        "images": int(found.confusion.sum()),
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "resampled_by": found.unit,
        "groups": accuracy.groups,
        "macro_f1": found.macro_f1.value,
        "recall": found.figures.recall,
    }


def experiments(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Train every network by every recipe and ask it about strangers."""
    real = {path.stem: path.resolve() for path in options.real}
    others = max(1, options.signers // 10)
    synthetic = SyntheticData(train_signers=options.signers, validation_signers=others, test_signers=1)
    made = pulled(synthetic, 0, Path(f"{SYNTHETIC}-{options.signers}"))
    recipes: list[tuple[str, str, Path]] = [("synthetic", SYNTHETIC, made)]
    for name, path in real.items():
        own = pulled(real_source(path), 0, Path(f"real-{name}"))
        recipes.append(("real", name, own))
        recipes.append(("mixed", name, mixed(own, made, Path(f"mixed-{name}-{options.signers}"))))
    model = {"baseline": BaselineModel(), "resnet": ResNetModel(weights=options.weights)}[options.model]
    for seed in options.seeds:
        for recipe, trained_on, dataset_dir in recipes:
            session = open_session(trained(model, dataset_dir, seed, options) / contract.MODEL_FILE)
            for stranger in real.keys() - {trained_on}:
                found = score(session, strangers(real[stranger], options.every), stranger, RESAMPLES, seed)
                yield row(found, recipe=recipe, trained_on=trained_on, tested_on=stranger, seed=seed)


def show(rows: list[dict[str, Any]]) -> None:
    """Print every row, then the mean of each recipe over strangers and seeds."""
    print(f"\n{'recipe':10} {'trained on':26} {'tested on':26} seed  accuracy (95 % interval)")
    for cell in sorted(rows, key=lambda cell: [cell[key] for key in ("tested_on", "recipe", "seed")]):
        print(
            f"{cell['recipe']:10} {cell['trained_on']:26} {cell['tested_on']:26} {cell['seed']:4}  "
            f"{cell['accuracy']:.1%} ({cell['low']:.1%} to {cell['high']:.1%}, "
            f"{cell['groups']} {cell['resampled_by']}s)"
        )
    print("\nmean over strangers and seeds")
    for recipe in sorted({found["recipe"] for found in rows}):
        print(f"{recipe:10} {np.mean([found['accuracy'] for found in rows if found['recipe'] == recipe]):.1%}")


def main() -> None:
    """Run the experiments; the JSON grows row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", nargs=2, type=Path, help="archives or folders of photographs, each of one signer")
    parser.add_argument("--model", choices=["baseline", "resnet"], default="baseline")
    parser.add_argument("--budget", type=int, default=40_000, help="images that each network learns from")
    parser.add_argument("--seeds", nargs="+", type=int, default=[7])
    parser.add_argument("--batch-size", type=int, default=DataSettings().batch_size)
    parser.add_argument("--signers", type=int, default=SyntheticData().train_signers, help="synthetic, to learn from")
    parser.add_argument("--every", type=int, default=1, help="ask about every n-th image only: neighbours are alike")
    parser.add_argument("--weights", default="", help="of ResNet-18: a .pth file, `download`, or from scratch")
    parser.add_argument("--work", type=Path, default=Path("strangers"), help="folder for data sets and networks")
    options = parser.parse_args()
    if Path(options.weights).is_file():
        options.weights = str(Path(options.weights).resolve())
    options.real = [path.resolve() for path in options.real]
    options.work.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    described = {"machine": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__}
    with contextlib.chdir(options.work):
        written = Path(f"strangers-{options.model}.json")
        for found in experiments(options):
            rows.append(found)
            asked = {name: str(value) for name, value in vars(options).items()}
            result = described | {"options": asked, "left_out": sorted(LEFT_OUT), "rows": rows}
            written.write_text(json.dumps(result, indent=2) + "\n")
    show(rows)
    print(f"\nwritten to {options.work / written}")


if __name__ == "__main__":
    main()
