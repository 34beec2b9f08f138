"""Does a model read a stranger's hand? Networks trained on real pictures, on synthetic ones and on both.

Two archives of photographs, each of another signer. Trained on one (real), on synthetic hands (synthetic) or on both
together (mixed), a network is asked about all pictures of the signer whom it never saw:

    python benchmarks/strangers.py signer1.zip signer2.zip --models baseline resnet --work strangers

Scored are the still letters whose shapes agree. Left out are M, N, P and T, which one of the two signers makes in a
way of his own; `nothing`, `space` and `del`, which are no letters and are shown differently; J and Z, which are
movements, of which every source shows another moment. All 29 classes are learnt and may be answered. Neighbouring
frames are resampled together: an interval says how far the figure may be off for this one stranger, not for others.
What is trained already in --work is not trained again.
"""

import argparse
import contextlib
import dataclasses
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
from asl_pkg.config import (
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
from asl_pkg.data.picture import Picture, Rejected
from asl_pkg.data.sources import open_source
from asl_pkg.export import export
from asl_pkg.files import written_beside
from asl_pkg.pull import pull
from asl_pkg.serving.onnx_session import open_session
from asl_pkg.train import train
from asl_pkg.validation.external import External, score

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
    with written_beside(folder) as beside:
        rows: list[tuple[str, int, str, str]] = []
        for split in contract.SPLITS:
            table = pa.concat_tables([read_split(one, split) for one in (real, synthetic)], promote_options="default")
            pa.parquet.write_table(table, beside / f"{split}-00000-of-00001.parquet", row_group_size=500)
            rows += zip(*(table[name].to_pylist() for name in DIGESTED), strict=True)
        write_info(beside, dataclasses.replace(read_info(real), digest=dataset_digest(rows)))
    return folder


def strangers(path: Path, work: Path) -> Iterator[Picture | Rejected]:
    """Everything in a source that is scored."""
    source = open_source(real_source(path), 0, work / "downloads")
    return (item for item in source.read(0) if isinstance(item, Rejected) or item.label in SCORED)


def trained(model: ModelSettings, dataset_dir: Path, seed: int, options: argparse.Namespace) -> Path:
    """The bundle of a network trained on a data set."""
    folder = Path(f"{model.name}-{dataset_dir.name}-seed{seed}-{options.epochs}epochs")
    if not (folder / contract.BEST_CHECKPOINT).is_file():
        data = SyntheticData(batch_size=options.batch_size, cache_dir="decoded")
        trainer = TrainerSettings(max_epochs=options.epochs, patience_epochs=options.epochs)
        metrics = train(TrainSettings(seed=seed, data=data, model=model, trainer=trainer), dataset_dir, folder)
        print(f"{folder}: trained in {metrics['seconds']:,.0f} s", flush=True)
    export(Settings(seed=seed), folder / contract.BEST_CHECKPOINT, folder / "bundle")
    return folder / "bundle"


def row(found: External, **of_what: Any) -> dict[str, Any]:
    """A row of the table: one network on one stranger."""
    accuracy = found.accuracy
    return of_what | {
        "pictures": int(found.confusion.sum()),
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "resampled_by": found.unit,
        "groups": accuracy.groups,
        "macro_f1": found.macro_f1.value,
        "recall": found.body["recall"],
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
    networks = {"baseline": BaselineModel(), "resnet": ResNetModel(weights=options.weights)}
    for model in options.models:
        for seed in options.seeds:
            for recipe, learnt_from, dataset_dir in recipes:
                session = open_session(trained(networks[model], dataset_dir, seed, options) / contract.MODEL_FILE)
                for stranger in real.keys() - {learnt_from}:
                    found = score(session, strangers(real[stranger], Path()), stranger, RESAMPLES, seed)
                    yield row(found, model=model, recipe=recipe, learnt_from=learnt_from, tested_on=stranger, seed=seed)


def show(rows: list[dict[str, Any]]) -> None:
    """Print every row, then the mean of each recipe over strangers and seeds."""
    print(f"\n{'network':9} {'recipe':10} {'learnt from':26} {'asked about':26} seed  read right (95 % interval)")
    for one in sorted(rows, key=lambda one: [one[key] for key in ("model", "tested_on", "recipe", "seed")]):
        print(
            f"{one['model']:9} {one['recipe']:10} {one['learnt_from']:26} {one['tested_on']:26} {one['seed']:4}  "
            f"{one['accuracy']:.1%} ({one['low']:.1%} to {one['high']:.1%}, {one['groups']} {one['resampled_by']}s)"
        )
    print("\nmean over strangers and seeds")
    for model, recipe in sorted({(one["model"], one["recipe"]) for one in rows}):
        figures = [one["accuracy"] for one in rows if (one["model"], one["recipe"]) == (model, recipe)]
        print(f"{model:9} {recipe:10} {np.mean(figures):.1%}")


def main() -> None:
    """Run the experiments; the JSON grows row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", nargs=2, type=Path, help="archives or folders of photographs, each of one signer")
    parser.add_argument("--models", nargs="+", choices=["baseline", "resnet"], default=["baseline", "resnet"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[7])
    parser.add_argument("--epochs", type=int, default=TrainerSettings().max_epochs)
    parser.add_argument("--batch-size", type=int, default=DataSettings().batch_size)
    parser.add_argument("--signers", type=int, default=SyntheticData().train_signers, help="synthetic, to learn from")
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
        for one in experiments(options):
            rows.append(one)
            asked = {name: str(value) for name, value in vars(options).items()}
            result = described | {"options": asked, "left_out": sorted(LEFT_OUT), "rows": rows}
            Path("strangers.json").write_text(json.dumps(result, indent=2) + "\n")
    show(rows)
    print(f"\nwritten to {options.work / 'strangers.json'}")


if __name__ == "__main__":
    main()
