"""Images in an S3 bucket, one object each, or one archive there."""

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple
from functools import partial
from pathlib import Path

from asl_pkg.config.schema import ParquetData, S3Data
from asl_pkg.data.hashing import file_digest
from asl_pkg.data.preparation import MAX_IMAGE_BYTES
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources import parquet
from asl_pkg.data.sources.archive import open_archive
from asl_pkg.data.sources.layout import item, rejection_of, too_large
from asl_pkg.errors import DataError
from asl_pkg.progress import track
from asl_pkg.storage.download import BACKOFF_S, BrokenConnectionError, download
from asl_pkg.storage.s3 import CONNECTIONS, code_of, split_url
from asl_pkg.storage.s3_folder import S3Folder, S3Object
from asl_pkg.storage.safe_names import fault_of

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
AHEAD = 4 * CONNECTIONS  # objects fetched in advance
# Other errors, such as expired credentials, concern all objects.
OF_ONE_OBJECT = {"AccessDenied", "InvalidObjectState"}  # own permissions; in Glacier and not restored
TRIES = 4  # per object whose connection breaks


def open_source(settings: S3Data, downloads: Path) -> Source:
    """List the objects under a prefix, or download the archive and open it.

    Args:
        settings: `path` is s3://BUCKET/PREFIX or s3://BUCKET/ARCHIVE.
        downloads: Folder that keeps an archive until the data set is complete.

    Returns:
        The objects in the order of their keys, or the archive's members. Reading raises DataError if an object has
        changed since the listing.

    Raises:
        DataError: There is no server, bucket or object, or no right to read it.
    """
    bucket, key = split_url(settings.path)
    if key.lower().endswith(ARCHIVES):
        file = downloads / hashlib.sha256(settings.path.encode()).hexdigest()
        download(partial(S3Folder(bucket, "").part, key), file, settings.path)
        return open_archive(file, settings.path, file_digest(file, settings.path))
    folder = S3Folder(bucket, key.rstrip("/"))
    objects = _listed(folder)
    if not objects:
        raise DataError(f"{folder.url()} holds no object, expected a prefix with one sub-folder per class")
    if shards := [listed for listed in objects if listed.name.endswith(".parquet")]:
        return _parquet(folder, shards, downloads)
    state = hashlib.sha256(repr([astuple(listed) for listed in objects]).encode()).hexdigest()
    return Source(lambda start: _items(folder, objects, start), len(objects), state)


def _parquet(folder: S3Folder, shards: Sequence[S3Object], downloads: Path) -> Source:
    """A published data set: its shards are downloaded and opened."""
    target = downloads / hashlib.sha256(folder.url().encode()).hexdigest()
    for shard in shards:
        if fault := fault_of(shard.name):
            raise DataError(f"{folder.url()}: {ascii(shard.name)} {fault}")
        download(partial(folder.part, shard.name), target / shard.name, folder.url(shard.name))
    return parquet.open_source(ParquetData(path=str(target)))


def _listed(folder: S3Folder) -> list[S3Object]:
    found = track(folder.objects(), None, f"Listing {folder.url()}", "objects")
    images = (listed for listed in found if not listed.name.endswith("/"))  # some programs write folders as objects
    return sorted(images, key=lambda listed: listed.name)


def _items(folder: S3Folder, objects: Sequence[S3Object], start: int) -> Iterator[Sample | RejectedFile]:
    pending: deque[Future[Sample | RejectedFile]] = deque()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            for listed in objects[start:]:
                pending.append(pool.submit(_item, folder, listed))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if changed := set(_listed(folder)) ^ set(objects):
        names = sorted({listed.name for listed in changed})
        raise DataError(f"{folder.url(names[0])} appeared or changed while the others were read; pull again")


def _item(folder: S3Folder, listed: S3Object) -> Sample | RejectedFile:
    if fault := fault_of(listed.name):
        return RejectedFile(ascii(listed.name), fault)
    if rejected := rejection_of(listed.name):
        return rejected
    if listed.size_bytes > MAX_IMAGE_BYTES:
        return too_large(listed.name)
    try:
        return item(listed.name, _fetched(folder, listed))
    except DataError as error:
        if code_of(error) not in OF_ONE_OBJECT:
            raise
        return RejectedFile(listed.name, f"cannot be read ({code_of(error)})")


def _fetched(folder: S3Folder, listed: S3Object) -> bytes:
    failures = 0
    while True:
        try:
            return folder.read(listed.name, listed.etag)
        except BrokenConnectionError:
            failures += 1
            if failures == TRIES:
                raise
        time.sleep(BACKOFF_S * 2**failures)
