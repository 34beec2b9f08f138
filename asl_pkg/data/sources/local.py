"""A local path, opened as the kind of source that it is."""

from pathlib import Path

from asl_pkg.config.schema import ArchiveData, FolderData, ParquetData
from asl_pkg.data.sample import Source
from asl_pkg.data.sources.tree import files_under


def open_path(path: Path) -> Source:
    """Open Parquet, a folder of images or an archive.

    Args:
        path: A file or folder; a folder with a .parquet file anywhere in it is Parquet.

    Returns:
        Its files.

    Raises:
        DataError: It is neither.
    """
    from asl_pkg.data.sources import archive, folder, parquet

    files = [found.path for found in files_under(path)] if path.is_dir() else [path.name]
    if any(name.endswith(parquet.SUFFIX) for name in files):
        return parquet.open_source(ParquetData(path=str(path)))
    if path.is_dir():
        return folder.open_source(FolderData(path=str(path)))
    return archive.open_source(ArchiveData(path=str(path)))
