"""Plant a defect, and run every check that may refuse it."""

import dataclasses
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from asl_pkg import contract
from asl_pkg.bundle import signature
from asl_pkg.deploy import deploy
from asl_pkg.errors import AslError
from asl_pkg.key import make_keys
from asl_pkg.validate import judge_bundle
from tests.faults.case import Case, Good
from tests.faults.planters import PLANTERS
from tests.faults.table import DEPLOY, SIGNATURE, Defect


def refused_by(defect: Defect, good: Good, folder: Path) -> dict[str, str]:
    """Plant a defect and ask what is expected to refuse it: the gates, deploy, or deploy where a key is configured.

    Args:
        defect: of the table.
        good: what it is planted into.
        folder: an empty one, for everything that is made on the way.

    Returns:
        What refused it, and why; empty where it was missed.
    """
    planter, own = PLANTERS[defect.name], folder / "planted"
    own.mkdir()
    if defect.caught_by == SIGNATURE:
        with _signed(good, folder / "signed") as owned:
            return _by_deploy(planter(owned, own), folder / "store")
    case = planter(good, own)
    return _by_deploy(case, folder / "store") if defect.caught_by == DEPLOY else _by_gates(case)


def _by_gates(case: Case) -> dict[str, str]:
    judged = judge_bundle(case.settings, case.bundle, case.dataset, case.checkpoint)
    failed = [gate for gate in judged.gates if not gate.passed]
    # where the model could not be run a gate that had nothing to measure refused nothing
    return {gate.name: gate.why for gate in failed if judged.evaluation or gate.measured is not None}


def _by_deploy(case: Case, store: Path) -> dict[str, str]:
    try:
        deploy(dataclasses.replace(case.settings, store=str(store)), case.bundle, case.report)
    except AslError as error:
        return {SIGNATURE if "signed" in str(error) else DEPLOY: str(error)}
    return {}


@contextmanager
def _signed(good: Good, folder: Path) -> Iterator[Good]:
    """The good bundle and its report, signed, and a public key that every load demands."""
    private, public = make_keys(folder / "keys")
    bundle = Path(shutil.copytree(good.bundle, folder / "bundle"))
    report = Path(shutil.copytree(good.report, folder / "report"))
    keys = {contract.SIGNING_KEY_VARIABLE: str(private), contract.PUBLIC_KEY_VARIABLE: str(public)}
    with patch.dict(os.environ, keys):
        signature.sign(bundle, bundle / contract.SIGNATURE_FILE)
        signature.sign(report / contract.REPORT_FILE, report / contract.REPORT_SIGNATURE)
        yield dataclasses.replace(good, bundle=bundle, report=report)
