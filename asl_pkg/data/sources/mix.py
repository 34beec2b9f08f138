"""Several sources as one: unknown signers of a part get the part's name."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from asl_pkg.config.schema import SCHEMES, DvcData, HttpData, MixData, S3Data, SyntheticData
from asl_pkg.data.sample import UNKNOWN_SIGNER, RejectedFile, Sample, Source
from asl_pkg.data.sources.local import open_path
from asl_pkg.errors import DataError
from asl_pkg.urls import with_secrets

SYNTHETIC = "synthetic"
NAME = re.compile(r"[\w.-]+")

Part = tuple[str, Source]


def open_source(settings: MixData, seed: int, downloads: Path) -> Source:
    """Open every part.

    Args:
        settings: `path` lists the parts, as `ann=signer1.zip,bob=s3://bucket/x,synthetic`.
        seed: Seed of what a part generates at random.
        downloads: Folder for downloads of remote parts, one sub-folder each.

    Returns:
        Their files, part by part in the order of the list; no part chooses splits, since none knows the others.

    Raises:
        DataError: It is not a list, or a part is missing or not valid.
    """
    parts = [
        (name, _open(text, seed, downloads / name, settings.classes))
        for name, text in _listed(with_secrets(settings.path))
    ]
    totals = [source.total for _, source in parts if source.total is not None]
    state = hashlib.sha256(json.dumps([(name, source.state) for name, source in parts]).encode()).hexdigest()
    total = sum(totals) if len(totals) == len(parts) else None
    return Source(functools.partial(_read, parts), total, state)


def _listed(text: str) -> list[tuple[str, str]]:
    """Split the list into (name, source)."""
    parts = []
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, source = part.partition("=")
        if part == SYNTHETIC:
            source = SYNTHETIC
        elif not equals or not source or not NAME.fullmatch(name) or not name.strip("."):
            raise DataError(f"{part!r} is not a part of a mix, expected data.path=NAME=SOURCE,… or `{SYNTHETIC}`")
        parts.append((name, source))
    names = [name for name, _ in parts]
    if len(set(names)) < max(2, len(names)):
        raise DataError(f"data.path={text!r} is not a mix, expected at least two parts NAME=SOURCE with a name each")
    return parts


def _open(text: str, seed: int, downloads: Path, classes: str) -> Source:
    from asl_pkg.data.sources import open_source as open_any

    match SCHEMES.get(text.partition("://")[0]):
        case "http":
            return open_any(HttpData(path=text), seed, downloads)
        case "s3":
            return open_any(S3Data(path=text), seed, downloads)
    if text == SYNTHETIC:
        return open_any(SyntheticData(classes=classes), seed, downloads)
    if text.endswith(".dvc"):
        file = Path(text).absolute()
        root = next((folder for folder in file.parents if (folder / ".dvc").is_dir()), file.parent)
        return open_any(DvcData(repository=str(root), path=file.relative_to(root).as_posix()), seed, downloads)
    return open_path(Path(text))


def _read(parts: Sequence[Part], start: int) -> Iterator[Sample | RejectedFile]:
    for name, source in parts:
        skipped = min(start, source.total or 0)
        start -= skipped
        if skipped and skipped == source.total:
            continue
        found = skipped  # an earlier pull has them
        for item in source.read(skipped):
            found += isinstance(item, Sample)
            if start:  # the source's size is known only by reading it
                start -= 1
            else:
                yield _named(name, item)
        if not found:
            raise DataError(f"part {name} of the mix holds no image of a class, expected …/<CLASS>/<name>.jpg in it")


def _named(name: str, item: Sample | RejectedFile) -> Sample | RejectedFile:
    path = f"{name}/{item.path}"
    if isinstance(item, RejectedFile):
        return dataclasses.replace(item, path=path)
    signer = name if item.signer == UNKNOWN_SIGNER else f"{name}/{item.signer}"
    return dataclasses.replace(item, path=path, signer=signer, sequence=f"{name}/{item.sequence}", split=None)
