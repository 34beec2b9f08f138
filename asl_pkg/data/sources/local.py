"""Whatever kind of source lies at a path of this machine."""

from pathlib import Path

from asl_pkg.config import ArchiveData, FolderData, ParquetData
from asl_pkg.data.picture import Source


def open_path(path: Path) -> Source:
    """Open Parquet, a folder of pictures or an archive.

    Args:
        path: a file or folder; a folder with a .parquet file anywhere in it is Parquet.

    Returns:
        Its files.

    Raises:
        DataError: it is none of them.
    """
    from asl_pkg.data.sources import archive, folder, parquet

    if path.suffix == ".parquet" or next(path.rglob("*.parquet"), None):
        return parquet.open_source(ParquetData(path=str(path)))
    if path.is_dir():
        return folder.open_source(FolderData(path=str(path)))
    return archive.open_source(ArchiveData(path=str(path)))
