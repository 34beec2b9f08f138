"""Where pictures come from: a provider a file, imported when it is asked for."""

import dataclasses
import hashlib
import json
from pathlib import Path

from asl_pkg.config import ArchiveData, DataSettings, FolderData, SyntheticData
from asl_pkg.data.picture import Source
from asl_pkg.errors import DataError

HOW_NOT_WHAT = ("batch_size", "cache_dir", "cache_gb", "external")  # settings that change no picture


def open_source(settings: DataSettings, seed: int, downloads: Path) -> Source:
    """Open the source that the settings name; nothing but its listing is read yet.

    Args:
        settings: `data` of the settings.
        seed: of what the source makes by chance.
        downloads: folder for what a remote source fetches; a later pull finds there what an earlier one left.

    Returns:
        Its files, to be read once.

    Raises:
        DataError: it is missing or is not what it has to be.
    """
    match settings:
        case SyntheticData():
            from asl_pkg.data.sources import synthetic

            return synthetic.open_source(settings, seed)
        case ArchiveData():
            from asl_pkg.data.sources import archive

            return archive.open_source(settings)
        case FolderData():
            from asl_pkg.data.sources import folder

            return folder.open_source(settings)
    raise DataError(f"data={settings.name}: no such source")


def fingerprint(settings: DataSettings, seed: int, source: Source) -> str:
    """Name what a pull would give: the same for the same settings, seed and contents of the source.

    Args:
        settings: `data` of the settings.
        seed: of the source and the splits.
        source: the opened source; it is not read.

    Returns:
        SHA-256 as hex digits.
    """
    what = {name: value for name, value in dataclasses.asdict(settings).items() if name not in HOW_NOT_WHAT}
    return hashlib.sha256(json.dumps([what, seed, source.state], sort_keys=True).encode()).hexdigest()
