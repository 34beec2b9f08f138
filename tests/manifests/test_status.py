"""STATUS.md is about the manifests as they are."""

import importlib.util
import sys
import types

import pytest

from tests.manifests.rendering import MANIFESTS, needs_kubectl


@pytest.fixture(scope="module")
def status() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("status", MANIFESTS / "status.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@needs_kubectl
def test_each_folder_has_a_row_about_its_present_contents(status: types.ModuleType) -> None:
    """`make status` writes what this misses."""
    rows = status.read()
    assert list(rows) == status.folders()
    stale = [folder for folder, row in rows.items() if row.contents != status.contents(folder)]
    assert not stale


def test_no_row_claims_what_the_script_does_not_find_out(status: types.ModuleType) -> None:
    rows = status.read().values()
    assert {row.far for row in rows} <= set(status.FAR)
    assert all(bool(row.server) == (status.FAR.index(row.far) > 1) for row in rows)


def test_a_new_version_of_our_images_alone_changes_no_row(
    status: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = set()
    for image in ("registry:5000/asl-triton:0.1.0", "registry:5000/asl-triton:0.2.0", "registry:5000/triton:0.2.0"):
        monkeypatch.setattr(status, "render", lambda _folder, image=image: f"spec:\n  image: {image}\n")
        digests.add(status.contents("base"))
    assert len(digests) == 2
