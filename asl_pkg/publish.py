"""publish: upload a data set to S3 under a name from its digest, completely or not at all."""

from pathlib import Path

from asl_pkg import contract
from asl_pkg.data.audit.audit_json import read_audit
from asl_pkg.data.dataset import read_info, shards
from asl_pkg.progress import track
from asl_pkg.storage.s3 import split_url
from asl_pkg.storage.s3_folder import S3Folder

NAME_DIGITS = 12  # of the digest, in the folder's name


def check_destination(to: str) -> None:
    """Refuse a wrong destination before any time is spent on the data set.

    Args:
        to: s3://BUCKET/PREFIX.

    Raises:
        DataError: It is not an S3 URL, or there is no such bucket.
    """
    S3Folder.open(to).require()


def publish(dataset_dir: Path, to: str) -> str:
    """Upload a data set; resumes an interrupted upload.

    dataset.json goes last: a prefix without it is incomplete, and one with it is never written to again.

    Args:
        dataset_dir: The data set.
        to: s3://BUCKET/PREFIX.

    Returns:
        URL of the data set: `to` and the first digits of the digest.

    Raises:
        DataError: There is no data set, its audit is damaged, or S3 refuses.
    """
    info = read_info(dataset_dir)
    read_audit(dataset_dir)  # refused before anything is uploaded
    bucket, prefix = split_url(to)
    folder = S3Folder(bucket, "/".join(filter(None, [prefix.strip("/"), info.digest[:NAME_DIGITS]])))
    url = f"s3://{bucket}/{folder.prefix}"
    names = [path.name for split in contract.SPLITS for path in shards(dataset_dir, split)]
    names += [contract.AUDIT_FILE, contract.AUDIT_PAGE, contract.CONTACT_SHEET, contract.DATASET_FILE]
    if not folder.has(contract.DATASET_FILE):
        for name in track(names, len(names), f"Publishing to {url}", "files"):
            folder.put_file(dataset_dir / name, name)
    return url
