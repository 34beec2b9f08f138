"""The verb data track: add a data set to DVC and push it to the team's remote."""

import os
from dataclasses import dataclass
from pathlib import Path

from asl_pkg.data.sources.dvc_repository import failures_reported, silence
from asl_pkg.errors import DataError


@dataclass(frozen=True)
class Tracked:
    """What DVC tracks now.

    Args:
        name: Path of the .dvc file in the repository, with slashes.
        remote: Name and URL of the remote that holds the contents.
        to_commit: Files to commit with Git, relative to the working folder.
    """

    name: str
    remote: str
    to_commit: list[str]


def track_with_dvc(path: Path) -> Tracked:
    """Add a folder or archive to the DVC repository that it lies in (`dvc add`) and push it (`dvc push`).

    Args:
        path: A data set, a folder of images or an archive.

    Returns:
        What is tracked now; the user commits it.

    Raises:
        DataError: There is no such path, it lies in no DVC repository, the repository has no remote, or DVC fails.
    """
    if not path.exists():
        raise DataError(f"no {path}: `asl pull` makes a data set, `asl data track PATH` tracks a folder or archive")
    silence()
    from dvc.config import NoRemoteError
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    path = path.absolute()
    try:
        repo = Repo(str(path.parent))
    except NotDvcRepoError as error:
        raise DataError(
            f"{path.parent} is not in a DVC repository: run `git init && dvc init` in its top folder"
        ) from error
    with repo, failures_reported(str(path)):
        try:
            remote = repo.cloud.get_remote()
        except NoRemoteError as error:
            raise DataError("no DVC remote to push to: run `dvc remote add -d store s3://BUCKET/PREFIX`") from error
        (stage,) = repo.add(str(path))
        file, url = Path(stage.path), repo.config["remote"][remote.name]["url"]
        with failures_reported(f"{path} is tracked by {file.name}, but could not be pushed to {url}"):
            repo.push(targets=[stage.path])
        to_commit = [path for path in (file, file.with_name(".gitignore")) if path.is_file()]
        name = file.relative_to(repo.root_dir).as_posix()
        return Tracked(name, f"{remote.name} ({url})", [os.path.relpath(path) for path in to_commit])
