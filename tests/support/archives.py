"""Archives made by code."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import zstandard

from asl_pkg.config.schema import ArchiveData
from asl_pkg.data.sample import RejectedFile, Sample
from asl_pkg.data.sources import open_source


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def tarred(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def tarred_by_zstandard(path: Path, files: Mapping[str, bytes]) -> Path:
    plain = tarred(path, files).read_bytes()
    path.write_bytes(zstandard.ZstdCompressor().compress(plain))
    return path


MAKERS: dict[str, Callable[[Path, Mapping[str, bytes]], Path]] = {
    "x.zip": zipped,
    "x.tar": tarred,
    "x.tar.gz": lambda path, files: tarred(path, files, "w:gz"),
    "x.tar.bz2": lambda path, files: tarred(path, files, "w:bz2"),
    "x.tar.xz": lambda path, files: tarred(path, files, "w:xz"),
    "x.tar.zst": tarred_by_zstandard,
}


def read(path: Path) -> list[Sample | RejectedFile]:
    return list(open_source(ArchiveData(path=str(path)), 7, path.parent).read(0))
