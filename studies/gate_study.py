"""Do the gates refuse what is bad and pass what is good? Defects planted into a trained model, and 16 good models.

    make gate-study

14 BaselineCNN of two widths and seven seeds, each seed with signers of its own, and two ResNet-18 from scratch are
validated against the first of them, which serves. Every defect of tests/faults/table.py is planted into that first one.
A stopped study resumes: what is in --work already is not made again. Two cores need about three hours.
"""

import argparse
import contextlib
import dataclasses
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import open_store, release_folder
from asl_pkg.config.schema import (
    BaselineModel,
    ModelSettings,
    ResNetModel,
    SyntheticData,
    TrainerSettings,
    TrainSettings,
)
from asl_pkg.data.dataset import read_split
from asl_pkg.pull import pull
from asl_pkg.storage import atomic
from asl_pkg.validation.report import Report
from studies.good_models import Made
from tests.faults.case import TEST, Good
from tests.faults.judging import refused_by
from tests.faults.page import DOCS, defects_table, table, write_part
from tests.faults.table import DEFECTS

SEEDS = range(101, 108)  # none of gate_thresholds.py
WIDTHS = (24, 32)
RESNETS = 2
STRANGERS_SEED = 200
STRANGERS = 4  # synthetic signers of another data set, in the external set
STORE = Path("store")


def models(options: argparse.Namespace) -> Iterator[tuple[str, Made]]:
    """The good models, none of them made yet; the first one will serve."""
    networks: list[tuple[ModelSettings, int, int]] = [
        (BaselineModel(width=width), seed, options.epochs) for width in WIDTHS for seed in SEEDS
    ]
    networks += [(ResNetModel(), seed, options.resnet_epochs) for seed in SEEDS[:RESNETS]]
    for network, seed, epochs in networks[: options.models]:
        name = f"resnet18-seed{seed}" if isinstance(network, ResNetModel) else f"width{network.width}-seed{seed}"
        data = SyntheticData(train_signers=options.signers, test_signers=options.test_signers, cache_dir="decoded")
        trainer = TrainerSettings(max_epochs=epochs, patience_epochs=epochs)
        settings = TrainSettings(seed=seed, data=data, model=network, trainer=trainer, store=str(STORE))
        yield name, Made(settings, Path(name), Path(f"data-seed{seed}"))


def serve(made: Made) -> None:
    """Let a model be the champion."""
    bundle = open_bundle(made.bundle)
    if not release_folder(STORE, bundle.release).is_dir():
        shutil.copytree(made.bundle, release_folder(STORE, bundle.release))
    open_store(str(STORE)).write_serving(Serving(bundle.release, bundle.digest, "", None))


def strangers(folder: Path, options: argparse.Namespace) -> Path:
    """Images of signers of another data set."""
    if not folder.is_dir():
        data = SyntheticData(train_signers=1, validation_signers=1, test_signers=min(STRANGERS, options.test_signers))
        with tempfile.TemporaryDirectory() as work, atomic.atomic_directory(folder) as beside:
            pull(TrainSettings(seed=STRANGERS_SEED, data=data), Path(work) / "dataset")
            for number, row in enumerate(read_split(Path(work) / "dataset", TEST, ["image", "label"]).to_pylist()):
                path = beside / contract.CLASSES[row["label"]] / f"{number}{Path(row['image']['path']).suffix}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(row["image"]["bytes"])
    return folder


def planted(made: Made, external: Path, work: Path, count: int) -> dict[str, list[str]]:
    """What refused each defect, asked where it was not asked before."""
    settings = dataclasses.replace(made.settings, store="no store")
    good = Good(settings, made.checkpoint, made.bundle, made.dataset, made.report_dir, external)
    found = {}
    for number, defect in enumerate(DEFECTS[:count]):
        path = work / f"{number:02}.json"
        if not path.is_file() or json.loads(path.read_text())["name"] != defect.name:
            with tempfile.TemporaryDirectory(prefix="planted-") as folder:
                refused = refused_by(defect, good, Path(folder))
            atomic.write_json(path, {"name": defect.name, "refused_by": refused})
        found[defect.name] = list(json.loads(path.read_text())["refused_by"])
        verdict = "refused" if defect.caught_by in found[defect.name] else "MISSED"
        print(f"{defect.name}: {verdict} by {', '.join(found[defect.name]) or 'nothing'}", flush=True)
    return found


def false_alarms(reports: Sequence[tuple[str, Report]]) -> str:
    """Tables: every model, then every gate that refused one."""
    rows = [(name, f"{report.accuracy:.1%}", ", ".join(report.failed) or "none") for name, report in reports]
    alarms = Counter(gate for _, report in reports for gate in report.failed)
    passed = sum(report.passed for _, report in reports)
    said = ", ".join(f"{gate} {count}" for gate, count in alarms.most_common()) or "none"
    summary = f"{passed} of {len(reports)} good models pass every gate. False alarms by gate: {said}."
    return f"{summary}\n\n{table(('model', 'read correctly', 'refused by'), rows)}"


def main() -> None:
    """Run the study; write the tables where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("gate-study"), help="folder for data sets and models")
    parser.add_argument("--epochs", type=int, default=TrainerSettings().max_epochs, help="of BaselineCNN")
    parser.add_argument("--resnet-epochs", type=int, default=8)
    parser.add_argument("--signers", type=int, default=SyntheticData().train_signers, help="to learn from")
    parser.add_argument("--test-signers", type=int, default=SyntheticData().test_signers)
    parser.add_argument("--models", type=int, default=len(WIDTHS) * len(SEEDS) + RESNETS, help="how many")
    parser.add_argument("--defects", type=int, default=len(DEFECTS), help="how many")
    parser.add_argument("--docs", type=Path, help=f"also write the tables into this file: {DOCS.name}")
    options = parser.parse_args()
    docs = options.docs.resolve() if options.docs else None
    options.work.mkdir(parents=True, exist_ok=True)
    reports: list[tuple[str, Report]] = []
    with contextlib.chdir(options.work):
        for name, made in models(options):
            reports.append((name, made.make().report(STORE)))
            print(f"{name}: {reports[-1][1].summary}", flush=True)
            if len(reports) == 1:
                first = made
                serve(first)
        refused = planted(first, strangers(Path("external"), options), Path("defects"), options.defects)
    tables = {"defects": defects_table(refused), "false alarms": false_alarms(reports)}
    for part, text in tables.items():
        print(f"\n{text}")
        if docs:
            write_part(docs, part, text)


if __name__ == "__main__":
    main()
