"""A new release is compared with the serving one."""

from pathlib import Path

import numpy as np
import pytest

from asl_pkg import contract
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import champion, open_store, release_folder
from asl_pkg.errors import BundleError
from asl_pkg.metrics.classification import paired_loss
from asl_pkg.validate import validate
from asl_pkg.validation.champion import FIRST, Champion, champion_finding
from tests.support.exported import Exported, settings

CLASSES = len(contract.CLASSES)
SIGNERS, IMAGES = 20, 29
SLACK = 0.005


def confusions(wrong: np.ndarray) -> np.ndarray:
    """Of signers with so many wrong answers each."""
    made = np.zeros((len(wrong), CLASSES, CLASSES), np.int64)
    made[:, 0, 0] = IMAGES - wrong
    made[:, 0, 1] = wrong
    return made


def measured(before: np.ndarray, after: np.ndarray) -> float | None:
    loss = paired_loss(confusions(before), confusions(after), 2000, seed=1)
    return champion_finding(Champion("r", "d", loss), "signer").measured


def test_a_release_that_is_worse_on_two_images_in_a_hundred_is_refused() -> None:
    before = np.ones(SIGNERS, int)
    after = before + (np.arange(SIGNERS) % 5 < 3)  # 12 of 580 images more
    loss = measured(before, after)
    assert loss is not None
    assert SLACK < loss < 12 / 580


def test_what_chance_may_explain_is_not_refused() -> None:
    """Two releases that differ from signer to signer, and by an image in a hundred on the whole."""
    rng = np.random.default_rng(0)
    before = rng.integers(0, 5, SIGNERS)
    after = np.clip(before + rng.integers(-2, 4, SIGNERS), 0, None)
    loss = measured(before, after)
    assert loss is not None
    assert loss < SLACK


def test_a_better_release_loses_nothing() -> None:
    loss = measured(np.full(SIGNERS, 3), np.ones(SIGNERS, int))
    assert loss is not None
    assert loss < 0


def test_too_few_signers_for_an_interval_are_judged_by_the_loss_itself() -> None:
    loss = paired_loss(confusions(np.ones(3, int)), confusions(np.full(3, 2)), 500, seed=1)
    found = champion_finding(Champion("r", "d", loss), "signer")
    assert found.measured == pytest.approx(1 / IMAGES)
    assert "too few groups" in found.detail


def test_a_first_deployment_says_that_there_is_nothing_to_compare_with() -> None:
    found = champion_finding(None, "signer")
    assert (found.measured, found.detail) == (0, FIRST)


@pytest.mark.parametrize(
    ("serving", "expected"),
    [
        (Serving("old", "b", "r", None), "old"),
        (Serving("new", "b", "r", "old"), "old"),
        (Serving("new", "b", "r", None), ""),
        (None, ""),
    ],
    ids=["another release serves", "the new one serves already", "it is the only one", "nothing serves"],
)
def test_the_champion_is_what_served_before(serving: Serving | None, expected: str) -> None:
    assert champion(serving, "new") == expected


def test_a_damaged_champion_is_no_reason_to_skip_the_comparison(exported: Exported, tmp_path: Path) -> None:
    chosen = settings()
    chosen.store = str(tmp_path)
    open_store(str(tmp_path)).write_serving(Serving("0123456789ab", "b", "r", None))
    release_folder(tmp_path, "0123456789ab").mkdir()
    with pytest.raises(BundleError, match="cannot compare with the serving release 0123456789ab: no bundle in"):
        validate(chosen, exported.bundle, exported.dataset, exported.checkpoint, tmp_path / "report")
