"""Images in an S3 bucket, one object each, or one archive there."""

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from asl_pkg.config.schema import ParquetData, S3Data
from asl_pkg.data.hashing import file_digest
from asl_pkg.data.preparation import MAX_IMAGE_BYTES
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources import parquet
from asl_pkg.data.sources.archive import open_archive
from asl_pkg.data.sources.layout import item, rejection_of, too_large
from asl_pkg.errors import DataError
from asl_pkg.progress import track
from asl_pkg.storage.download import BACKOFF_S, DOWNLOAD_CHUNK_BYTES, BrokenConnectionError, HttpPart, download
from asl_pkg.storage.s3 import CONNECTIONS, code_of, s3_client, s3_errors_translated, split_url
from asl_pkg.storage.safe_names import fault_of

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
AHEAD = 4 * CONNECTIONS  # objects fetched before they are asked for
# Other refusals, as of credentials that expired, concern all objects.
OF_ONE_OBJECT = {"AccessDenied", "InvalidObjectState"}  # rights of its own; in Glacier and not restored
TRIES = 4  # of an object whose connection breaks off


@dataclass(frozen=True)
class _Object:
    """An object as the listing names it; its path is its key without the prefix."""

    path: str
    etag: str
    size_bytes: int


def open_source(settings: S3Data, downloads: Path) -> Source:
    """List the objects under a prefix, or download the archive and open it.

    Args:
        settings: `path` is s3://BUCKET/PREFIX or s3://BUCKET/ARCHIVE.
        downloads: folder where an archive stays until the data set is complete.

    Returns:
        The objects in the order of their keys, or the archive's members. Reading raises DataError where an object is
        no longer what the listing said.

    Raises:
        DataError: there is no server, bucket or object, or no right to read it.
    """
    bucket, key = split_url(settings.path)
    client = s3_client()
    if key.lower().endswith(ARCHIVES):
        file = downloads / hashlib.sha256(settings.path.encode()).hexdigest()
        download(partial(_ask, client, settings.path), file, settings.path)
        return open_archive(file, settings.path, file_digest(file, settings.path))
    prefix = f"{key.rstrip('/')}/" if key else ""
    objects = _listed(client, bucket, prefix)
    if not objects:
        raise DataError(f"s3://{bucket}/{prefix} holds no object, expected a prefix with one sub-folder a class")
    if shards := [listed for listed in objects if listed.path.endswith(".parquet")]:
        return _parquet(client, f"s3://{bucket}/{prefix}", shards, downloads)
    state = hashlib.sha256(repr([astuple(listed) for listed in objects]).encode()).hexdigest()
    return Source(lambda start: _items(client, bucket, prefix, objects, start), len(objects), state)


def _parquet(client: Any, url: str, shards: Sequence[_Object], downloads: Path) -> Source:
    """A published data set: its shards are downloaded and opened."""
    folder = downloads / hashlib.sha256(url.encode()).hexdigest()
    for shard in shards:
        if fault := fault_of(shard.path):
            raise DataError(f"{url}: {ascii(shard.path)} {fault}")
        shard_url = url + shard.path
        download(partial(_ask, client, shard_url), folder / shard.path, shard_url)
    return parquet.open_source(ParquetData(path=str(folder)))


@contextmanager
def _ask(client: Any, url: str, start: int, version: str) -> Iterator[HttpPart]:
    bucket, key = split_url(url)
    with s3_errors_translated(url):
        head = client.head_object(Bucket=bucket, Key=key)
        etag, size = head["ETag"], head["ContentLength"]
        if etag != version or start > size:
            start = 0
        if start == size:
            yield HttpPart(start, size, etag, iter(()))
        else:
            body = client.get_object(Bucket=bucket, Key=key, IfMatch=etag, Range=f"bytes={start}-")["Body"]
            yield HttpPart(start, size, etag, body.iter_chunks(DOWNLOAD_CHUNK_BYTES))


def _listed(client: Any, bucket: str, prefix: str) -> list[_Object]:
    found = track(_listing(client, bucket, prefix), None, f"Listing s3://{bucket}/{prefix}", "objects")
    return sorted(found, key=lambda listed: listed.path)


def _listing(client: Any, bucket: str, prefix: str) -> Iterator[_Object]:
    with s3_errors_translated(f"s3://{bucket}/{prefix}"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for listed in page.get("Contents", []):
                if not listed["Key"].endswith("/"):  # what some programs leave in place of a folder
                    yield _Object(listed["Key"].removeprefix(prefix), listed["ETag"], listed["Size"])


def _items(
    client: Any, bucket: str, prefix: str, objects: Sequence[_Object], start: int
) -> Iterator[Sample | RejectedFile]:
    pending: deque[Future[Sample | RejectedFile]] = deque()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            for listed in objects[start:]:
                pending.append(pool.submit(_item, client, bucket, prefix, listed))
                if len(pending) > AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if changed := set(_listed(client, bucket, prefix)) ^ set(objects):
        names = sorted({listed.path for listed in changed})
        raise DataError(f"s3://{bucket}/{prefix}{names[0]} came or changed while the others were read; pull again")


def _item(client: Any, bucket: str, prefix: str, listed: _Object) -> Sample | RejectedFile:
    if fault := fault_of(listed.path):
        return RejectedFile(ascii(listed.path), fault)
    if rejected := rejection_of(listed.path):
        return rejected
    if listed.size_bytes > MAX_IMAGE_BYTES:
        return too_large(listed.path)
    try:
        return item(listed.path, _fetched(client, bucket, prefix + listed.path, listed.etag))
    except DataError as error:
        if code_of(error) not in OF_ONE_OBJECT:
            raise
        return RejectedFile(listed.path, f"cannot be read ({code_of(error)})")


def _fetched(client: Any, bucket: str, key: str, etag: str) -> bytes:
    failures = 0
    while True:
        try:
            with s3_errors_translated(f"s3://{bucket}/{key}"):
                return client.get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"].read()
        except BrokenConnectionError:
            failures += 1
            if failures == TRIES:
                raise
        time.sleep(BACKOFF_S * 2**failures)
