"""What a verb may replace: only what this product itself wrote there.

A marker in the folder lists the files that were written; the folder's name does not count. Folders of the version
before markers are recognised by the file that describes them and by the names of the others.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.errors import SettingError
from asl_pkg.storage import atomic

MARKER = ".asl-output.json"
FILE_MANAGER_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # left in every folder that is opened
SHOWN = 3  # names listed in an error

Former = Callable[[Path], Collection[str]]  # files that the version without markers wrote to a folder


@dataclass(frozen=True)
class OutputKind:
    """Something that a verb writes.

    Args:
        what: Name of the output, for people and for the marker.
        setting: Name of the setting that says where it goes.
        former: Finds what the version before markers wrote.
        beside: Names of its files, where other files may lie in the same folder; empty where it owns the whole folder.
        marked: Whether it gets a marker. A bundle lists its files itself, and Triton takes no other file.
    """

    what: str
    setting: str
    former: Former
    beside: tuple[str, ...] = ()
    marked: bool = True


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _told_by(facts: str, keys: set[str], names: str) -> Former:
    """Recognise a folder by a JSON file with these keys; files with matching names were written with it."""

    def former(folder: Path) -> set[str]:
        if not keys <= _json(folder / facts).keys():
            return set()
        found = (path.relative_to(folder).as_posix() for pattern in ("*", "*/*") for path in folder.glob(pattern))
        return {name for name in found if re.fullmatch(names, name)}

    return former


def _just(*names: str) -> Former:
    """Recognise a folder that has all of these files."""
    return lambda folder: names if all((folder / name).is_file() for name in names) else ()


def _checkpoints(folder: Path) -> Collection[str]:
    """Recognise the checkpoints of a training by the metrics beside their folder."""
    names = [Path(name).name for name in (contract.BEST_CHECKPOINT, contract.LAST_CHECKPOINT)]
    return names if TRAINING.former(folder.parent) else ()


def _listed(folder: Path) -> set[str]:
    """Recognise a bundle by its own list of files."""
    said = _json(folder / contract.BUNDLE_FILE)
    if not {"schema_version", "model_digest", "files"} <= said.keys() or not isinstance(said["files"], list):
        return set()
    named = {str(file.get("path")) for file in said["files"] if isinstance(file, dict)}
    return named | {contract.BUNDLE_FILE, contract.SIGNATURE_FILE}


DATASET = OutputKind(
    "data set",
    "dataset_dir",
    _told_by(
        contract.DATASET_FILE,
        {"schema_version", "digest", "fingerprint", "split_by"},
        r"dataset\.json|audit\.json|audit\.html|contact_sheet\.jpg|(train|validation|test)-\d{5}-of-\d{5}\.parquet",
    ),
)
CHECKPOINTS = OutputKind("checkpoints", "training_dir", _checkpoints)
TRAINING_FILES = (
    contract.HISTORY_FILE,
    contract.METRICS_FILE,
    contract.SEEN_FILE,
    contract.STATISTICS_FILE,
    contract.SBOM_FILE,
)
TRAINING = OutputKind(
    "training",
    "training_dir",
    _told_by(
        contract.METRICS_FILE,
        {"best_epoch", "epochs", "temperature", "seconds"},
        "|".join(map(re.escape, TRAINING_FILES)),
    ),
    TRAINING_FILES,
)
PLOTS = OutputKind("plots", "", _just(*contract.PLOTS))
BUNDLE = OutputKind("bundle", "bundle_dir", _listed, marked=False)
REPORT = OutputKind(
    "report",
    "report_dir",
    _told_by(
        contract.REPORT_FILE,
        {"schema_version", "gates", "bundle_digest", "golden_digest"},
        rf"report\.(json|sig|html)|model_card\.md|golden/(golden\.json|({'|'.join(contract.CLASSES)})\.\w+)",
    ),
)
MONITOR_FILES = (contract.MONITOR_FILE, contract.MONITOR_PAGE)
MONITOR = OutputKind(
    "drift report",
    "monitor_dir",
    _told_by(contract.MONITOR_FILE, {"drifted", "release", "measures"}, "|".join(map(re.escape, MONITOR_FILES))),
    MONITOR_FILES,
)
DECODED = OutputKind("decoded images", "data.cache_dir", _just("pixels.npy", "labels.npy"))
RUN = OutputKind("pipeline run", "", lambda folder: ["log.txt"] if (folder / ".cache").is_dir() else [], ("log.txt",))
WHOLE = (DATASET, BUNDLE, REPORT)  # one more folder inside would spoil them


def claim(path: Path, kind: OutputKind, inputs: Sequence[str] = ()) -> Path:
    """Announce that a verb will write here; refused before any work starts if something else would be lost.

    Args:
        path: The folder, as the user named it.
        kind: Kind of the output.
        inputs: Files and folders that the verb reads.

    Returns:
        The folder, or the target of a link, so that the link itself stays.

    Raises:
        SettingError: The folder holds files that this product did not write; or it is a file, a mount point, the
            working folder or a parent of it or of an input; or it lies inside another output.
    """
    folder = _followed(path, kind)
    if os.path.lexists(folder) and not folder.is_dir():
        raise _refused(path, kind, "is a file")
    if not kind.beside:
        if Path.cwd().is_relative_to(folder):
            raise _refused(path, kind, "is the working folder or above it, and the whole folder would be replaced")
        if holds := [source for source in inputs if source and Path(source).resolve().is_relative_to(folder)]:
            raise _refused(
                path, kind, f"holds {holds[0]}, an input of this run, and the whole folder would be replaced"
            )
        if os.path.ismount(folder):
            raise _refused(path, kind, "is a mount point, which cannot be replaced: name a folder inside it")
    for other in WHOLE:
        for around in folder.parents if not kind.beside else (folder, *folder.parents):
            if _ours(around, other):
                raise _refused(path, kind, f"is inside a {other.what}, where no other files may be")
    if foreign := _foreign(folder, kind):
        more = f" and {len(foreign) - SHOWN:,} more" if len(foreign) > SHOWN else ""
        names = ", ".join(name if name.isprintable() else ascii(name) for name in foreign[:SHOWN])
        raise _refused(path, kind, f"holds {names}{more}, not written by asl; the {kind.what} would replace it")
    return folder


def claim_training(training_dir: Path, plots_dir: Path | None = None) -> list[tuple[str, Path]]:
    """Announce where a training will write.

    Args:
        training_dir: Gets what contract.py lists under training/.
        plots_dir: Gets the plots; by default a folder in training_dir.

    Returns:
        Name in the training and final path of each file and folder.

    Raises:
        SettingError: Something that no training wrote is in the way.
    """
    folder = claim(training_dir, TRAINING)
    checkpoints = Path(contract.BEST_CHECKPOINT).parent
    return [
        (checkpoints.name, claim(folder / checkpoints, CHECKPOINTS)),
        (contract.PLOTS_FOLDER, claim(plots_dir or folder / contract.PLOTS_FOLDER, PLOTS)),
        *((name, folder / name) for name in TRAINING_FILES),
    ]


@contextmanager
def replaced(path: Path, kind: OutputKind) -> Iterator[Path]:
    """Give an empty folder that replaces the output of a former run, on success only.

    Args:
        path: The folder, as the user named it.
        kind: Kind of the output.

    Yields:
        The folder to write into.

    Raises:
        SettingError: As for `claim`.
    """
    folder = claim(path, kind)
    with atomic.atomic_directory(folder, lambda: claim(folder, kind)) as beside:
        if kind.marked:
            (beside / MARKER).touch()  # recognises the folder of a killed run
        yield beside
        if kind.marked:
            mark(beside, kind)


def mark(folder: Path, kind: OutputKind) -> None:
    """Write the marker of an output.

    Args:
        folder: Holds the output; all its files belong to it, unless the kind names them.
        kind: Kind of the output.
    """
    written = kind.beside or tuple(
        sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir())
    )
    atomic.write_json(folder / MARKER, _json(folder / MARKER) | {kind.what: list(written)})


def claim_file(path: Path, setting: str, ours: Callable[[Path], bool]) -> None:
    """Announce that a verb will write this file.

    Args:
        path: The file.
        setting: Name of the setting that says where it goes.
        ours: Recognises a file that this product wrote by its contents.

    Raises:
        SettingError: Another file is in the way.
    """
    if os.path.lexists(path) and not (path.is_file() and not path.is_symlink() and ours(path)):
        raise SettingError(f"{path} was not written by asl and would be replaced: set {setting} to another path")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed `replaced` left beside a folder; no other process may be writing it."""
    atomic.put_back(folder)
    for path in folder.parent.iterdir() if folder.parent.is_dir() else ():
        old = atomic.is_temporary(path.name, f"{folder.name}-old")
        if (old or atomic.is_temporary(path.name, folder.name)) and is_leftover(path / folder.name if old else path):
            shutil.rmtree(path, ignore_errors=True)


def is_leftover(folder: Path) -> bool:
    """Whether a folder with a temporary name is ours: it is empty, or has a marker."""
    return not folder.is_symlink() and folder.is_dir() and ((folder / MARKER).is_file() or not any(folder.iterdir()))


def is_ours(folder: Path, kind: OutputKind) -> bool:
    """Whether a folder is what a former run wrote, and nothing else."""
    return not folder.is_symlink() and bool(_ours(folder, kind)) and not _foreign(folder, kind)


def _followed(path: Path, kind: OutputKind) -> Path:
    """The target of a path."""
    try:
        folder = path.resolve()
    except RuntimeError as error:
        raise _refused(path, kind, "is a link that leads to itself") from error
    if path.is_symlink() and not folder.exists():
        raise _refused(
            path, kind, f"is a link to {folder}, which does not exist: create it with `mkdir`, or mount its disk"
        )
    return folder


def _ours(folder: Path, kind: OutputKind) -> set[str]:
    """Files in a folder that a former run wrote; empty if there was none."""
    written = _json(folder / MARKER).get(kind.what) if kind.marked else None
    if isinstance(written, list):
        return {MARKER, *(name for name in written if isinstance(name, str))}
    return set(kind.former(folder))


def _foreign(folder: Path, kind: OutputKind) -> list[str]:
    """Files in a folder that this product did not write."""
    if not folder.is_dir():
        return []
    ours = _ours(folder, kind)
    if kind.beside:
        return [name for name in kind.beside if os.path.lexists(folder / name) and not _is_plain(folder, name, ours)]
    return sorted(_others(folder, ours, {str(parent) for name in ours for parent in Path(name).parents}))


def _is_plain(folder: Path, name: str, ours: Collection[str]) -> bool:
    """Whether a file is ours and not a link, which may lead to anything."""
    return name in ours and (folder / name).is_file() and not (folder / name).is_symlink()


def _others(folder: Path, ours: Collection[str], folders: Collection[str], within: str = "") -> Iterator[str]:
    """Yield what is not ours; a folder without files of ours is not searched."""
    with os.scandir(folder / within) as entries:
        for entry in entries:
            name = within + entry.name
            if not entry.is_dir(follow_symlinks=False):
                if entry.is_symlink() or (name not in ours and entry.name not in FILE_MANAGER_FILES):
                    yield name
            elif name in folders:
                yield from _others(folder, ours, folders, f"{name}/")
            else:
                yield f"{name}/"


def _refused(path: Path, kind: OutputKind, why: str) -> SettingError:
    remedy = f"set {kind.setting} to another folder" if kind.setting else "move it away"
    return SettingError(f"{path} {why}: {remedy}")
