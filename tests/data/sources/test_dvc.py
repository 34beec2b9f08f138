"""A real Git repository with real DVC, and remotes that lose or change files."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asl_pkg.config.schema import DvcData, MixData
from asl_pkg.data.sample import Sample, Source
from asl_pkg.data.sources import open_source
from asl_pkg.errors import DataError
from tests.support.making import encoded, noise

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git makes the repositories: apt install git")

REPOSITORIES = ("folder", "url")


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, tag: str) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "-qm", tag)
    git(folder, "tag", tag)


def new_repository(root: Path, remote: dict[str, str]) -> Path:
    from dvc.repo import Repo

    root.mkdir()
    git(root, "init", "-q")
    with Repo.init(str(root)) as repo, repo.config.edit() as config:
        config["remote"] = {"store": remote}
        config["core"] = {"remote": "store", "analytics": False}
    return root


def track(root: Path, *paths: str) -> None:
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        repo.add([str(root / path) for path in paths])
        repo.push()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tag v1: a folder of three images and an archive of it; v2: a fourth image."""
    base = tmp_path_factory.mktemp("dvc")
    root = new_repository(base / "repository", {"url": str(base / "remote")})
    for number in range(3):
        file = root / f"data/letters/A/A{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(noise(number)))
    with zipfile.ZipFile(root / "data/letters.zip", "w") as archive:
        for file in sorted((root / "data/letters").rglob("*.jpg")):
            archive.write(file, file.relative_to(root / "data"))
    track(root, "data/letters", "data/letters.zip")
    commit(root, "v1")
    (root / "data/letters/A/A3.jpg").write_bytes(encoded(noise(3)))
    track(root, "data/letters")
    commit(root, "v2")
    return base


@pytest.fixture
def base(original: Path, tmp_path: Path) -> Path:
    """A copy to damage; its cache is gone, so that only the remote has the images."""
    shutil.copytree(original, tmp_path / "base")
    root = tmp_path / "base/repository"
    shutil.rmtree(root / ".dvc/cache")
    shutil.rmtree(root / "data/letters")
    (root / "data/letters.zip").unlink()
    config = root / ".dvc/config"
    config.write_text(config.read_text().replace(str(original), str(tmp_path / "base")))
    git(root, "commit", "-qam", "moved")
    git(root, "tag", "moved")
    return tmp_path / "base"


def opened(base: Path, path: str = "data/letters.dvc", kind: str = "folder", **settings: str) -> Source:
    repository = base / "repository"
    where = repository.as_uri() if kind == "url" else str(repository)
    return open_source(DvcData(path=path, repository=where, **settings), 7, base / "downloads")


def numbers(source: Source) -> list[int]:
    found = []
    for item in source.read(0):
        assert isinstance(item, Sample)
        assert item.data == encoded(noise(item.frame))
        found.append(item.frame)
    return found


def objects(base: Path) -> Iterator[Path]:
    """The image files in the remote, the listings aside."""
    return (path for path in (base / "remote").rglob("*") if path.is_file() and path.suffix != ".dir")


def object_of(base: Path, content: bytes) -> Path:
    return next(path for path in objects(base) if path.read_bytes() == content)


@pytest.mark.parametrize("kind", REPOSITORIES)
@pytest.mark.parametrize("path", ["data/letters", "data/letters.dvc"])
def test_a_folder_comes_with_every_image(base: Path, kind: str, path: str) -> None:
    assert numbers(opened(base, path, kind)) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", REPOSITORIES)
def test_an_archive_comes_too(base: Path, kind: str) -> None:
    assert numbers(opened(base, "data/letters.zip.dvc", kind)) == [0, 1, 2]


def test_a_revision_is_what_was_tracked_then(base: Path) -> None:
    assert numbers(opened(base, revision="v1")) == [0, 1, 2]
    assert numbers(opened(base, kind="url", revision="moved")) == [0, 1, 2, 3]


def test_the_state_is_the_hash_in_git(base: Path) -> None:
    old, new = opened(base, revision="v1").state, opened(base).state
    assert old != new
    assert new in (base / "repository/data/letters.dvc").read_text()


def test_dvc_files_can_be_parts_of_a_mix(base: Path) -> None:
    data = base / "repository/data"
    both = MixData(path=f"ann={data / 'letters.dvc'},bob={data / 'letters.zip.dvc'}")
    found = list(open_source(both, 7, base / "downloads").read(0))
    assert [item.signer for item in found] == ["ann"] * 4 + ["bob"] * 3


def test_what_is_there_from_before_is_not_fetched_again(base: Path) -> None:
    opened(base)
    for path in objects(base):
        path.unlink()
    assert numbers(opened(base)) == [0, 1, 2, 3]


def test_what_was_damaged_since_is_fetched_again(base: Path) -> None:
    opened(base)
    next((base / "downloads").rglob("A1.jpg")).write_bytes(b"half")
    assert numbers(opened(base)) == [0, 1, 2, 3]


def test_a_file_that_the_remote_damaged_is_refused_by_name(base: Path) -> None:
    damaged = object_of(base, encoded(noise(1)))
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"A/A1\.jpg.*damaged"):
        opened(base)
    assert not list((base / "downloads").rglob("A1.jpg"))


def test_a_listing_that_the_remote_changed_is_refused(base: Path) -> None:
    for listing in (base / "remote").rglob("*.dir"):
        listing.chmod(0o644)
        listing.write_text(listing.read_text().replace("A1.jpg", "../1.jpg"))
    with pytest.raises(DataError, match="listing.*damaged"):
        opened(base)


@pytest.mark.parametrize("name", ["../../x.jpg", "/tmp/x.jpg", "A/../../x.jpg", ""])
def test_a_listing_that_leads_out_of_the_folder_is_refused_by_name(base: Path, name: str) -> None:
    listing = json.dumps([{"md5": "0" * 32, "relpath": name}])
    md5 = hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest()
    file = base / "remote/files/md5" / md5[:2] / f"{md5[2:]}.dir"
    file.parent.mkdir(exist_ok=True)
    file.write_text(listing)
    text = f"outs:\n- md5: {md5}.dir\n  hash: md5\n  path: letters\n"
    (base / "repository/data/letters.dvc").write_text(text)
    with pytest.raises(DataError, match="leads out|not a file name"):
        opened(base)


def test_a_file_that_was_never_pushed_is_named(base: Path) -> None:
    object_of(base, encoded(noise(2))).unlink()
    with pytest.raises(DataError, match=r"A/A2\.jpg is not in the DVC remote"):
        opened(base)


@pytest.mark.parametrize("kind", REPOSITORIES)
@pytest.mark.parametrize(
    ("path", "settings", "said"),
    [
        ("data/numbers", {}, "does not track 'data/numbers'.*data/letters"),
        ("data/numbers.dvc", {}, "does not track"),
        ("", {}, "data.path"),
        ("data/letters", {"revision": "v9"}, "unknown revision 'v9'"),
        ("data/letters", {"remote": "moon"}, "moon"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    base: Path, kind: str, path: str, settings: dict[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=said) as refusal:
        opened(base, path, kind, **settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("kind", "said"), [("folder", "dvc push"), ("url", "dvc remote add")])
def test_a_repository_without_a_remote_is_told_what_to_do(base: Path, kind: str, said: str) -> None:
    (base / "repository/.dvc/config").write_text("")
    git(base / "repository", "commit", "-qam", "no remote")
    with pytest.raises(DataError, match=said):
        opened(base, kind=kind)


@pytest.mark.parametrize("repository", ["nowhere", "plain", "file:///nowhere"])
def test_what_is_no_repository_is_said_in_one_line(tmp_path: Path, repository: str) -> None:
    (tmp_path / "plain").mkdir()
    where = repository if ":" in repository else str(tmp_path / repository)
    with pytest.raises(DataError, match="not a DVC repository") as refusal:
        open_source(DvcData(path="data/letters", repository=where), 7, tmp_path / "downloads")
    assert "\n" not in str(refusal.value)


@pytest.fixture
def importing(base: Path) -> Path:
    """A clone of a project that imported a folder and a file from the repository, and has no image itself."""
    from dvc.repo import Repo

    git(base / "repository", "commit", "-q", "--allow-empty", "-m", "as it is imported")
    project = new_repository(base / "project", {"url": str(base / "other remote")})
    with Repo(str(project)) as repo:
        for name in ("letters", "letters.zip"):
            repo.imp(str(base / "repository"), f"data/{name}", out=str(project / name))
    commit(project, "imported")
    git(base, "clone", "-q", "project", "clone")
    return base


def imported(base: Path, path: str, **settings: str) -> Source:
    return open_source(DvcData(path=path, repository=str(base / "clone"), **settings), 7, base / "downloads")


@pytest.mark.parametrize("settings", [{}, {"revision": "imported"}], ids=["working tree", "revision"])
@pytest.mark.parametrize(("path", "expected"), [("letters.dvc", [0, 1, 2, 3]), ("letters.zip", [0, 1, 2])])
def test_what_was_imported_comes_from_where_it_was_imported_from(
    importing: Path, path: str, expected: list[int], settings: dict[str, str]
) -> None:
    source = imported(importing, path, **settings)
    assert numbers(source) == expected
    assert source.state in (importing / f"clone/{path.removesuffix('.dvc')}.dvc").read_text()


def test_what_was_imported_before_is_not_fetched_again(importing: Path) -> None:
    imported(importing, "letters")
    shutil.rmtree(importing / "repository")
    shutil.rmtree(importing / "remote")
    assert numbers(imported(importing, "letters")) == [0, 1, 2, 3]


def test_an_import_that_is_not_what_git_knows_is_refused(importing: Path) -> None:
    file = importing / "clone/letters.dvc"
    md5 = imported(importing, "letters").state
    file.write_text(file.read_text().replace(md5, "0" * 32 + ".dir"))
    with pytest.raises(DataError, match="another MD5 than Git"):
        imported(importing, "letters")


def test_an_import_whose_repository_is_gone_is_one_line(importing: Path) -> None:
    shutil.rmtree(importing / "repository")
    with pytest.raises(DataError, match="imported from") as refusal:
        imported(importing, "letters")
    assert "\n" not in str(refusal.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a repository to another user")
def test_a_repository_of_another_user_is_refused_with_the_command_that_trusts_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(base / "gitconfig"))
    root = base / "repository"
    for path in [root, *root.rglob("*")]:
        os.chown(path, 1234, 1234, follow_symlinks=False)
    assert numbers(opened(base)) == [0, 1, 2, 3]  # the working tree needs no Git
    with pytest.raises(DataError, match=re.escape(f"git config --global --add safe.directory {root}`")):
        opened(base, revision="v1")
