"""Imports go one way: pipelines -> components -> asl_pkg; inside it commands -> verbs -> packages -> leaves."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PROJECT

VERBS = {
    "pull", "train", "export", "validate", "deploy", "serve", "infer", "verify", "doctor", "demo", "pipeline",
    "publish", "data_track", "key", "monitor", "submit",
}  # fmt: skip
PACKAGES = {"data", "models", "serving", "validation", "kubeflow"}
SUPPORT = {
    "tracking", "registry", "progress", "files", "provenance", "settings", "run_log", "pages", "sbom",
    "images", "workers", "containers", "kfp_artifacts", "code_version", "outputs",
}  # fmt: skip
LEAVES = {"config", "contract", "errors", "known", "network", "urls"}
ALLOWED = {
    "pipelines": {"components", *LEAVES},
    "components": VERBS | PACKAGES | SUPPORT | LEAVES,
    "commands": VERBS | SUPPORT | LEAVES | {"usage"},
    "usage": {"settings", *LEAVES},
    **dict.fromkeys(VERBS, PACKAGES | SUPPORT | LEAVES),
    **dict.fromkeys(PACKAGES, PACKAGES | SUPPORT | LEAVES),
    **dict.fromkeys(SUPPORT, SUPPORT | LEAVES),
    "config": {"contract"},
    "contract": set(),
    "errors": {"urls"},
    "known": {"contract"},
    "network": set(),
    "urls": set(),
}
# The pipeline's compiled form comes from the package above the verbs.
ALLOWED["pipeline"] = ALLOWED["pipeline"] | {"pipelines"}
# What is submitted is what runs here.
ALLOWED["submit"] = ALLOWED["submit"] | {"pipeline"}
# A pod of a TrainJob trains as a step does.
ALLOWED["trainjob_node"] = ALLOWED["train"] | {"train"}
SOURCES = [path for folder in ("asl_pkg", "components", "pipelines") for path in (PROJECT / folder).rglob("*.py")]


def imported(path: Path) -> Iterator[str]:
    """Every module of the project that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "asl_pkg":
            yield from (f"asl_pkg.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def layer(module: str) -> str | None:
    """The layer that a module's name belongs to, None for one of another project."""
    first, *rest = module.split(".")
    if first in ("components", "pipelines"):
        return first
    return rest[0] if first == "asl_pkg" and rest else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    own = layer(".".join(path.relative_to(PROJECT).with_suffix("").parts))
    if own in (None, "__init__"):
        return
    upward = {name for module in imported(path) if (name := layer(module)) and name not in ALLOWED[own] | {own}}
    assert not upward


def test_importing_a_verb_makes_nothing_and_needs_nothing(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "import importlib, sys; [importlib.import_module(f'asl_pkg.{name}') for name in sys.argv[1:]]"
    subprocess.run([sys.executable, "-c", code, *sorted(VERBS)], cwd=tmp_path, check=True, env={"PATH": "/usr/bin"})
    assert not list(tmp_path.iterdir())
