"""Kustomizations as kubectl renders them."""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT

MANIFESTS = PROJECT / "manifests"
OVERLAYS = sorted(path.name for path in (MANIFESTS / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (MANIFESTS / "components").iterdir())

needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


@cache
def render_text(folder: Path) -> str:
    """What `kubectl kustomize` prints."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(folder: Path) -> list[dict[str, Any]]:
    """The objects of a kustomization."""
    return list(yaml.safe_load_all(render_text(folder)))


def named(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """The one object of this kind and name."""
    (found,) = [item for item in objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
    return found


def combine(folder: Path, overlay: str, components: list[str]) -> Path:
    """A kustomization of an overlay and components, as a user writes one; kustomize wants relative paths."""
    links = {name: folder / name for name in ("overlays", "components", "base")}
    for name, link in links.items():
        if not link.exists():
            shutil.copytree(MANIFESTS / name, link)
    text = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"overlays/{overlay}"],
        "components": [f"components/{name}" for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(text))
    return folder
