"""Do the same steps give the same results as commands, as processes and in containers, and what does each way cost?

python -m benchmarks.orchestration [--runners process docker] [--work FOLDER] [SETTING …]

Each way starts from nothing in a folder of its own; then the pipelines run once more, from their cache. Without
settings the data set is tiny and the gates are lenient. One thread computes, so that equal code gives equal weights.
Exit 1 where results differ. The images are those of `make images`.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.data.dataset import read_info
from asl_pkg.validation.report import read_report

PROJECT = Path(__file__).parent.parent
STEPS = ("pull", "train", "export", "validate", "deploy")
STARTS = "── "  # of the line with which a run announces a step
TINY = [
    "data.train_signers=2", "data.validation_signers=1", "data.test_signers=2", "trainer.max_epochs=2",
    "model=baseline", "model.width=4",
    "validate.accuracy_min=0", "validate.macro_f1_min=0", "validate.recall_min=0", "validate.worst_group_min=0",
    "validate.calibration_error_max=1", "validate.unsure_max=1", "validate.stability_min=0", "validate.resamples=100",
    "validate.empty_scenes_min=0", "validate.noise_max=1", "validate.latency_max=1000",
]  # fmt: skip


def asl(folder: Path, *arguments: str) -> dict[str, float]:
    """Run a verb in a folder; the seconds of every step that it announces, and of all of it under `whole`."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"}
    environment.setdefault("ASL_TRITON_ENV", str(PROJECT / ".triton"))
    command = [sys.executable, "-m", "asl_pkg.commands", *arguments]
    started = [("", time.monotonic())]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.startswith(STARTS):
                started.append((line.split()[1], time.monotonic()))
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    ended = time.monotonic()
    times = [*started, ("", ended)]
    seconds = {name: after - at for (name, at), (_, after) in itertools.pairwise(times) if name}
    return seconds | {"whole": ended - started[0][1]}


def as_commands(folder: Path, settings: list[str]) -> dict[str, float]:
    """Each step a command of its own."""
    seconds = {}
    for step in STEPS:
        kinds = {"train": ("seed", "data", "model", "trainer")}.get(step, ("seed", "data", step))
        chosen = [setting for setting in settings if setting.split("=")[0].split(".")[0] in kinds]
        seconds[step] = asl(folder, step, *chosen)["whole"]
    return seconds | {"whole": sum(seconds.values())}


def results(dataset: Path, training: Path, bundle: Path, report: Path) -> dict[str, str]:
    """What has to be equal, however it was made."""
    info, judged = read_info(dataset), read_report(report)
    measured = json.loads((training / contract.METRICS_FILE).read_text())
    return {
        "data set": info.digest[:12],
        "split": ", ".join(f"{name} {sum(counts.values())}" for name, counts in info.counts.items()),
        "validation": ", ".join(f"{name} {value:.6g}" for name, value in sorted(measured.items()) if name != "seconds"),
        "test": f"accuracy {judged.accuracy:.6f}, macro F1 {judged.macro_f1:.6f}",
        "gates": f"{len(judged.body.gates)}, failed: {', '.join(judged.failed) or 'none'}",
        "release": open_bundle(bundle).release,
    }


def main() -> None:
    """Run every way and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runners", nargs="+", default=["process", "docker"], choices=["process", "docker"])
    parser.add_argument("--work", type=Path, default=Path("runs/orchestration"))
    arguments, settings = parser.parse_known_args()
    settings = settings or TINY
    seconds: dict[str, dict[str, float]] = {}
    equal: dict[str, dict[str, str]] = {}
    for way in ("command", *arguments.runners):
        folder = arguments.work / way
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if way == "command":
            seconds[way] = as_commands(folder, settings)
            equal[way] = results(
                folder / "data/dataset", folder / "models", folder / "models/bundle", folder / "report"
            )
            continue
        seconds[way] = asl(folder, "pipeline", "run", f"runner={way}", *settings)
        seconds[f"{way}, cached"] = asl(folder, "pipeline", "run", f"runner={way}", *settings)
        equal[way] = results(*(folder / contract.RUNS_FOLDER / "pipeline" / step for step in STEPS[:-1]))
    rows = ("pull", "train", "export", "champion", "validate", "deploy", "finish", "whole")
    print_table(
        "s", rows, {way: {row: f"{taken[row]:.1f}" for row in rows if row in taken} for way, taken in seconds.items()}
    )
    print_table("result", list(equal["command"]), equal)
    sys.exit(len({tuple(result.values()) for result in equal.values()}) > 1)


def print_table(title: str, rows: Sequence[str], columns: Mapping[str, Mapping[str, str]]) -> None:
    """Print a Markdown table, a column a way."""
    print(f"\n| {title} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {row} | {' | '.join(cells.get(row, '') for cells in columns.values())} |")


if __name__ == "__main__":
    main()
