"""Files that a DVC repository tracks, fetched from its remote.

DVC trusts most remotes; here every file is checked against the MD5 in Git.
"""

import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from asl_pkg.config.schema import DvcData
from asl_pkg.data.sample import Source
from asl_pkg.data.sources.dvc_repository import failures_reported, opened, root_cause
from asl_pkg.data.sources.local import open_path
from asl_pkg.errors import DataError
from asl_pkg.progress import patiently, track
from asl_pkg.storage.atomic import require_space
from asl_pkg.storage.safe_names import fault_of
from asl_pkg.urls import with_secrets

if TYPE_CHECKING:
    from dvc.dependency.base import Dependency
    from dvc.output import Output
    from dvc.repo import Repo
    from dvc_data.hashfile.db import HashFileDB

BATCH = 256  # files fetched together, then checked and renamed


class Wanted(NamedTuple):
    """A file to fetch: its name for messages, its MD5 in Git (a listing's ends in .dir), and its target."""

    name: str
    md5: str
    path: Path

    def is_at(self, path: Path, hash_name: str) -> bool:
        """Whether a file is this one; DVC before version 3 hashed text files with Unix line ends."""
        from dvc_data.hashfile.hash import file_md5

        return path.is_file() and file_md5(str(path), name=hash_name) == self.md5.removesuffix(".dir")


def open_source(settings: DvcData, downloads: Path) -> Source:
    """Fetch what is tracked and open it as a folder, archive or Parquet.

    Args:
        settings: `repository`, `revision`, `path` and `remote`.
        downloads: Folder for the files; those of an earlier pull are reused where their MD5 is right.

    Returns:
        Its files, with the MD5 in Git as the state.

    Raises:
        DataError: There is no such repository, revision or file; or the remote lacks a file or has another one.
    """
    with opened(with_secrets(settings.repository), settings.revision) as repo:
        out = _tracked(repo, settings)
        md5 = out.hash_info.value
        folder = downloads / md5
        require_space(downloads, out.meta.size or 0, f"fetching {settings.path}")
        if out.stage.is_repo_import:
            path = folder if out.hash_info.isdir else folder / _safe(PurePosixPath(out.fs_path).name)
            _fetch_imported(out, path, downloads / "parts")
            return dataclasses.replace(open_path(path), state=md5)
        odb = _remote(repo, settings.remote or out.remote, out.hash_name)
        if out.hash_info.isdir:
            listing = Wanted(f"the listing of {settings.path}", md5, downloads / f"{md5}.json")
            _fetch(odb, [listing], downloads)
            _fetch(odb, _entries(listing, folder), downloads)
            path = folder
        else:
            path = folder / _safe(PurePosixPath(out.fs_path).name)
            _fetch(odb, [Wanted(path.name, md5, path)], downloads)
    return dataclasses.replace(open_path(path), state=md5)


def _tracked(repo: "Repo", settings: DvcData) -> "Output":
    """Find what the repository's .dvc files and pipelines track under this name."""
    from dvc.exceptions import DvcException

    path = repo.fs.join(repo.root_dir, settings.path)
    try:
        if not settings.path:
            raise DataError(f"no data.path: expected what {settings.repository} tracks, such as data/letters.dvc")
        is_file = path.endswith(".dvc")
        outs = repo.stage.load_file(path)[0].outs if is_file else repo.find_outs_by_path(path)
    except DvcException as error:
        known = ", ".join(sorted(repo.fs.relpath(out.fs_path, repo.root_dir) for out in repo.index.outs)) or "nothing"
        raise DataError(f"{settings.repository} does not track {settings.path!r}, but: {known}") from error
    if not outs[0].hash_info:
        raise DataError(f"{settings.path}: Git has no MD5 of it, expected a file of `dvc add` or `asl data track`")
    return outs[0]


def _remote(repo: "Repo", name: str | None, hash_name: str) -> "HashFileDB":
    """Find the remote; for a folder without one DVC uses its cache."""
    from dvc.config import ConfigError, NoRemoteError

    try:
        return repo.cloud.get_remote_odb(name, "asl pull", hash_name)
    except NoRemoteError as error:
        raise DataError(f"{repo.url} has no DVC remote: run `dvc remote add -d NAME URL` there") from error
    except ConfigError as error:
        raise DataError(
            f"data.remote={name or ''}: {root_cause(error)}; `dvc remote list` shows the remotes"
        ) from error


def _safe(name: str) -> str:
    """Refuse a name that leads out of the folder; DVC writes none."""
    fault = fault_of(name) if PurePosixPath(name).parts else "is not a file name"
    if fault:
        raise DataError(f"tracked file {name!r} {fault}")
    return name


def _entries(listing: Wanted, folder: Path) -> list[Wanted]:
    try:
        entries = json.loads(listing.path.read_bytes())
        return [Wanted(entry["relpath"], entry["md5"], folder / _safe(entry["relpath"])) for entry in entries]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{listing.name} is not a listing of DVC, expected a JSON list of relpath and md5") from error


def _fetch_imported(out: "Output", path: Path, parts: Path) -> None:
    """Fetch what `dvc import` tracks from its own repository, at the imported commit."""
    if path.exists() and _is_imported(out, path):
        return
    (source,) = out.stage.deps
    what = f"the repository that {out.stage.relpath} was imported from"
    shutil.rmtree(parts, ignore_errors=True)
    with failures_reported(what), patiently(f"Opening {what}"):
        files = {source.fs_path: parts}
        if out.hash_info.isdir:
            names = source.fs.find(source.fs_path)
            files = {name: parts / _safe(source.fs.relpath(name, source.fs_path)) for name in names}
    parts.parent.mkdir(parents=True, exist_ok=True)
    for _ in track(_copied(source, iter(files.items()), what), len(files), "Fetching from DVC", "files"):
        pass
    if not _is_imported(out, parts):
        raise DataError(
            f"{what} has another MD5 than Git, {out.hash_info.value}: run `dvc update` to import what is there now"
        )
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    parts.replace(path)


def _copied(source: "Dependency", files: Iterator[tuple[str, Path]], what: str) -> Iterator[str]:
    while batch := list(itertools.islice(files, BATCH)):
        for _, target in batch:
            target.parent.mkdir(parents=True, exist_ok=True)
        with failures_reported(what):
            source.fs.get([name for name, _ in batch], [str(target) for _, target in batch])
        yield from (name for name, _ in batch)


def _is_imported(out: "Output", path: Path) -> bool:
    """Whether a file or folder has the MD5 in Git, as DVC computes it."""
    from dvc.fs import LocalFileSystem
    from dvc_data.hashfile.build import build

    with patiently(f"Checking {out.stage.relpath}"):
        _, _, found = build(out.cache, str(path), LocalFileSystem(), out.hash_name, dry_run=True)
    return bool(found.hash_info == out.hash_info)


def _fetch(odb: "HashFileDB", wanted: Sequence[Wanted], downloads: Path) -> None:
    """Fetch the missing files; a killed pull resumes here."""
    checked = track(wanted, len(wanted), "Checking what is there", "files")
    missing = [file for file in checked if not file.is_at(file.path, odb.hash_name)]
    for _ in track(_fetched(odb, iter(missing), downloads / "parts"), len(missing), "Fetching from DVC", "files"):
        pass


def _fetched(odb: "HashFileDB", missing: Iterator[Wanted], parts: Path) -> Iterator[Wanted]:
    while batch := list(itertools.islice(missing, BATCH)):
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
        arrived = [parts / str(number) for number in range(len(batch))]
        remote = f"the DVC remote {odb.fs.protocol}:{odb.path}"
        with failures_reported(remote):
            try:
                odb.fs.get([odb.oid_to_path(file.md5) for file in batch], [str(path) for path in arrived])
            except FileNotFoundError as error:
                lost = [file.name for file in batch if not odb.fs.exists(odb.oid_to_path(file.md5))]
                raise DataError(f"{', '.join(lost[:3])} is not in {remote}: run `dvc push` where it is") from error
        for file, path in zip(batch, arrived, strict=True):
            if not file.is_at(path, odb.hash_name):
                raise DataError(f"{file.name} from {remote} is damaged: its MD5 in Git is {file.md5}")
            file.path.parent.mkdir(parents=True, exist_ok=True)
            path.replace(file.path)
            yield file
