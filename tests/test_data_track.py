"""`asl data track` in a real DVC repository, as a user types it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Asl
from tests.support.making import encoded, noise

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the repository: apt install git")


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A folder of images in a DVC repository without a remote."""
    from dvc.repo import Repo

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    Repo.init(str(tmp_path)).close()
    for number in range(2):
        file = tmp_path / f"data/letters/A/A{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(noise(number)))
    return tmp_path / "data/letters"


def with_remote(root: Path, url: str) -> None:
    config = root / ".dvc/config"
    config.write_text(f"[core]\n    remote = team\n['remote \"team\"']\n    url = {url}\n")


def test_what_is_tracked_is_in_the_remote_and_git_takes_the_rest(asl: Asl, letters: Path, tmp_path: Path) -> None:
    with_remote(tmp_path, str(tmp_path / "remote"))
    answer = asl("data", "track", "data/letters")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == ""
    command = answer.stdout.partition("git add ")[2].partition(" && ")[0].split()
    subprocess.run(["git", "add", *command], cwd=tmp_path, check=True)
    staged = subprocess.run(["git", "ls-files"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "data/letters.dvc" in staged
    assert ".jpg" not in staged
    assert "data=dvc data.path=data/letters.dvc" in answer.stdout
    in_remote = [path.read_bytes() for path in (tmp_path / "remote").rglob("*") if path.is_file()]
    assert {encoded(noise(0)), encoded(noise(1))} <= set(in_remote)
    assert (letters / "A/A1.jpg").read_bytes() == encoded(noise(1))


def test_without_a_remote_nothing_is_touched(asl: Asl, letters: Path, tmp_path: Path) -> None:
    answer = asl("data", "track", "data/letters")
    assert answer.returncode == 1
    assert "dvc remote add" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert not list(tmp_path.glob("data/*.dvc"))


def test_a_remote_that_takes_nothing_is_named(asl: Asl, letters: Path, tmp_path: Path) -> None:
    (tmp_path / "remote").write_text("a file, not a folder")
    with_remote(tmp_path, str(tmp_path / "remote"))
    answer = asl("data", "track", "data/letters")
    assert answer.returncode == 1
    assert "could not be pushed" in answer.stderr
    assert str(tmp_path / "remote") in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(("path", "said"), [("images", "git init && dvc init"), ("", "asl pull")])
def test_what_cannot_be_tracked_is_said_in_one_line(asl: Asl, tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "images").mkdir()
    answer = asl("data", "track", *filter(None, [path]))
    assert answer.returncode == 1
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
