"""The check that runs before Triton in the pod: a separate program with the verdict of `asl verify`."""

import importlib.util
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.errors import BundleError
from tests.conftest import PROJECT
from tests.support.tiny import make_bundle

SCRIPT = PROJECT / "manifests/base/verify_bundle.py"
SERVER = [sys.executable, "-c", "import sys; print('serves', sys.argv[1])", "asl_model@{release}"]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


@pytest.fixture(scope="module")
def script() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("verify_bundle", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(bundle: Bundle, digest: str | None) -> subprocess.CompletedProcess[str]:
    """Run the script as the pod does, with the standard library alone (-S) and a program in Triton's place."""
    variables = {"PATH": os.environ["PATH"]} | ({contract.BUNDLE_DIGEST_VARIABLE: digest} if digest else {})
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(bundle.folder), *SERVER]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30)


def test_a_whole_bundle_starts_the_server_under_the_name_of_its_release(bundle: Bundle) -> None:
    done = start(bundle, bundle.digest)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"asl: release {bundle.release}, 3 files as validated",
        f"serves asl_model@{bundle.release}",
    ]


def flip(path: Path) -> None:
    """Change one bit; the size stays."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (lambda folder: flip(folder / contract.MODEL_FILE), f"changed {contract.MODEL_FILE}"),
    "truncated": (
        lambda folder: os.truncate(folder / contract.MODEL_FILE, 10),
        f"changed {contract.MODEL_FILE}",
    ),
    "missing": (lambda folder: (folder / contract.LABELS_FILE).unlink(), f"missing {contract.LABELS_FILE}"),
    "extra": (
        lambda folder: (folder / "repository/asl_model/1/model.py").write_text("import os"),
        "extra repository/asl_model/1/model.py",
    ),
    "link": (
        lambda folder: (folder / contract.REPOSITORY_FOLDER / "passwords").symlink_to("/etc/passwd"),
        "not a plain file repository/passwords",
    ),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_bundle_does_not_start_and_one_line_names_the_file(
    bundle: Bundle, damage: Callable[[Path], object], reason: str
) -> None:
    damage(bundle.folder)
    done = start(bundle, bundle.digest)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    with pytest.raises(BundleError):
        open_bundle(bundle.folder)


def test_another_bundle_that_is_whole_does_not_start(bundle: Bundle, tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other", (bundle.folder / contract.CONFIG_FILE).read_text() + "\n")
    done = start(other, bundle.digest)
    assert done.returncode == 1
    assert f"its SHA-256 is {other.digest}, ASL_BUNDLE_DIGEST is {bundle.digest}" in done.stderr


def test_without_a_digest_nothing_starts(bundle: Bundle) -> None:
    done = start(bundle, None)
    assert done.returncode == 1
    assert "ASL_BUNDLE_DIGEST is not set" in done.stderr


def test_an_empty_folder_does_not_start(bundle: Bundle) -> None:
    digest = bundle.digest
    (bundle.folder / contract.BUNDLE_FILE).unlink()
    assert "missing bundle.json" in start(bundle, digest).stderr


def test_a_signature_beside_it_is_no_damage(bundle: Bundle) -> None:
    (bundle.folder / "bundle.sig").write_text("{}")
    assert start(bundle, bundle.digest).returncode == 0


def test_it_spells_what_the_contract_says(script: types.ModuleType) -> None:
    assert script.VARIABLE == contract.BUNDLE_DIGEST_VARIABLE
    assert script.MANIFEST == contract.BUNDLE_FILE
    assert script.RELEASE_DIGITS == contract.RELEASE_DIGITS
