"""The page's files are in what is installed and in what container images are built from."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from docker.utils.build import exclude_paths

from asl_pkg.serving.page.routes import STATIC
from tests.conftest import PROJECT

FILES = {path.relative_to(PROJECT).as_posix() for path in STATIC.rglob("*") if path.is_file()}


def test_they_are_in_the_wheel(tmp_path: Path) -> None:
    for name in ("asl_pkg/serving", "pyproject.toml", "README.md"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(PROJECT / name, tmp_path / name)
    shutil.copy(PROJECT / "asl_pkg/__init__.py", tmp_path / "asl_pkg")
    code = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    assert set(zipfile.ZipFile(wheel).namelist()) >= FILES


def test_they_are_in_the_build_context_of_container_images() -> None:
    context = exclude_paths(str(PROJECT), (PROJECT / ".dockerignore").read_text().splitlines())
    assert set(context) >= FILES
