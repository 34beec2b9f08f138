"""Importing has no side effects; import-linter checks the direction of imports (`make lint`)."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT

VERBS = [path.stem for path in (PROJECT / "asl_pkg").glob("*.py") if path.stem != "__init__"]


def test_importing_a_verb_makes_nothing_and_needs_nothing(tmp_path: Path) -> None:
    code = "import importlib, sys; [importlib.import_module(f'asl_pkg.{name}') for name in sys.argv[1:]]"
    subprocess.run(
        [sys.executable, "-c", code, *sorted(VERBS)],
        cwd=tmp_path,
        check=True,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(PROJECT)},
    )
    assert not list(tmp_path.iterdir())
