"""Where images come from: a provider a file, imported when it is asked for."""

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
    """Open the source that the settings name; nothing but its listing is read yet.

    Args:
        settings: `data` of the settings.
        seed: of what the source makes by chance.
        downloads: folder for what a remote source fetches; a later pull finds there what an earlier one left.

    Returns:
        Its files, to be read once; what is not of the classes that the settings choose is left out.

    Raises:
        DataError: it is missing or is not what it has to be.
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
    """Give the settings of a source as a data set may tell them: URLs without passwords and signatures.

    Args:
        settings: `data` of the settings.

    Returns:
        A value for each setting.
    """
    return {
        name: public(value) if isinstance(value, str) else value for name, value in dataclasses.asdict(settings).items()
    }


def fingerprint(settings: DataSettings, seed: int, source: Source) -> str:
    """Name what a pull would give: the same for the same settings, seed and contents of the source.

    Args:
        settings: `data` of the settings.
        seed: of the source and the splits.
        source: the opened source; it is not read.

    Returns:
        SHA-256 as hex digits.
    """
    what = {name: value for name, value in describe_source(settings).items() if name not in HOW_NOT_WHAT}
    table = Path(what.get("signers_csv") or "-")
    if table.is_file():
        what["signers_csv"] = sha256(table)
    return hashlib.sha256(json.dumps([what, seed, source.state], sort_keys=True).encode()).hexdigest()
