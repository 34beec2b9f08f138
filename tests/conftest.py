"""Fixtures and helpers that several tests share."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest_plugins = ["tests.support.tiny_fixtures", "tests.support.training_fixtures"]

if TYPE_CHECKING:
    from tests.support.exported import Exported

# A shell that runs the tests in the background ignores Ctrl-C for them, and every process started from here would
# inherit that; those that test what Ctrl-C does must not.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).parent.parent

Asl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def asl(tmp_path: Path) -> Asl:
    """The command line, run as a user runs it, in an empty folder."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "asl_pkg.commands", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, **options)

    return run


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> "Exported":
    """A good model, its bundle, and the data set that it is right on."""
    from tests.support.exported import make  # torch takes seconds to import, and most tests need none

    return make(tmp_path_factory.mktemp("exported"))
