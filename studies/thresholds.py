"""What five good models measure at each gate: the default thresholds leave three standard deviations of room.

    python -m studies.thresholds --work gate-thresholds

Each seed has its own synthetic hands, signers and training. What is made already in --work is not made again. These
models are not used by gate_study.py, which counts false alarms.
"""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asl_pkg.config.schema import SyntheticData, TrainerSettings, TrainSettings, ValidateSettings
from asl_pkg.validation.gate_specs import AT_LEAST, GATE_SPECS
from asl_pkg.validation.report import Report
from studies.good_models import Made
from tests.faults.page import DOCS, table, write_part

SEEDS = (11, 12, 13, 14, 15)
DEVIATIONS = 3.0


def thresholds_table(reports: Sequence[Report]) -> str:
    """Make a table: gate, what was measured, three standard deviations to the bad side of the mean, the default."""
    rows = []
    for name, rule in GATE_SPECS.items():
        gates = [gate for report in reports for gate in report.body.gates if gate.name == name]
        values = np.array([gate.measured for gate in gates], float)
        if not rule.setting or not len(values):
            continue
        mean, sd = values.mean(), values.std(ddof=1)
        limit = mean + DEVIATIONS * sd * (-1 if rule.direction == AT_LEAST else 1)
        sign = "≥" if rule.direction == AT_LEAST else "≤"
        figures = [f"{mean:.3g}", f"{sd:.2g}", f"{values.min():.3g} to {values.max():.3g}", f"{limit:.3g}"]
        rows.append((name, *figures, f"{sign} {getattr(ValidateSettings(), rule.setting):.3g}"))
    return table(("gate", "mean", "sd", "range", "mean and 3 sd", "default"), rows)


def main() -> None:
    """Make the five models and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("gate-thresholds"), help="folder for data sets and models")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=TrainerSettings().max_epochs)
    parser.add_argument("--signers", type=int, default=SyntheticData().train_signers, help="to learn from")
    parser.add_argument("--docs", type=Path, help=f"also write the table into this file: {DOCS.name}")
    options = parser.parse_args()
    docs = options.docs.resolve() if options.docs else None
    options.work.mkdir(parents=True, exist_ok=True)
    reports = []
    with contextlib.chdir(options.work):
        for seed in options.seeds:
            data = SyntheticData(train_signers=options.signers)
            settings = TrainSettings(seed=seed, data=data, trainer=TrainerSettings(max_epochs=options.epochs))
            made = Made(settings, Path(str(seed)), Path(str(seed)) / "data" / "dataset").make()
            reports.append(made.report(Path("no store")))
            print(f"seed {seed}: {reports[-1].summary}", flush=True)
    found = f"Models of {len(reports)} seeds, default settings.\n\n{thresholds_table(reports)}"
    print(f"\n{found}")
    if docs:
        write_part(docs, "thresholds", found)


if __name__ == "__main__":
    main()
