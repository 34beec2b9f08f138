"""Sources of images: one module each, imported on use."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from asl_pkg.config.schema import (
    ArchiveData,
    DataSettings,
    DvcData,
    FolderData,
    HttpData,
    MixData,
    ParquetData,
    S3Data,
    SyntheticData,
)
from asl_pkg.data.chosen import chosen_labels, only
from asl_pkg.data.sample import Source
from asl_pkg.errors import DataError
from asl_pkg.storage.atomic import sha256
from asl_pkg.urls import public

HOW_NOT_WHAT = ("batch_size", "cache_dir", "cache_gb", "external")  # settings that change no image


def open_source(settings: DataSettings, seed: int, downloads: Path) -> Source:
    """Open a source; only its listing is read.

    Args:
        settings: `data` of the settings.
        seed: Seed of what the source generates at random.
        downloads: Folder for downloads of a remote source; a later pull reuses them.

    Returns:
        Its files, to be read once; files of classes that were not chosen are rejected.

    Raises:
        DataError: It is missing or not valid.
        SettingError: `data.classes` names no classes.
    """
    chosen_labels(settings.classes)  # before anything is listed
    return only(_opened(settings, seed, downloads), settings.classes)


def _opened(settings: DataSettings, seed: int, downloads: Path) -> Source:
    match settings:
        case SyntheticData():
            from asl_pkg.data.sources import synthetic

            return synthetic.open_source(settings, seed)
        case ArchiveData():
            from asl_pkg.data.sources import archive

            return archive.open_source(settings)
        case HttpData():
            from asl_pkg.data.sources import http

            return http.open_source(settings, downloads)
        case S3Data():
            from asl_pkg.data.sources import s3

            return s3.open_source(settings, downloads)
        case DvcData():
            from asl_pkg.data.sources import dvc

            return dvc.open_source(settings, downloads)
        case ParquetData():
            from asl_pkg.data.sources import parquet

            return parquet.open_source(settings)
        case MixData():
            from asl_pkg.data.sources import mix

            return mix.open_source(settings, seed, downloads)
        case FolderData():
            from asl_pkg.data.sources import folder

            return folder.open_source(settings)
    raise DataError(f"data={settings.name}: no such source")


def describe_source(settings: DataSettings) -> dict[str, Any]:
    """Settings of a source for dataset.json: URLs without passwords and signatures.

    Args:
        settings: `data` of the settings.

    Returns:
        A value for each setting.
    """
    return {
        name: public(value) if isinstance(value, str) else value for name, value in dataclasses.asdict(settings).items()
    }


def fingerprint(settings: DataSettings, seed: int, source: Source) -> str:
    """Identify the result of a pull: the same for the same settings, seed and contents of the source.

    Args:
        settings: `data` of the settings.
        seed: Seed of the source and the splits.
        source: The opened source, which is not read.

    Returns:
        SHA-256 as hex digits.
    """
    what = {name: value for name, value in describe_source(settings).items() if name not in HOW_NOT_WHAT}
    table = Path(what.get("signers_csv") or "-")
    if table.is_file():
        what["signers_csv"] = sha256(table)
    return hashlib.sha256(json.dumps([what, seed, source.state], sort_keys=True).encode()).hexdigest()
