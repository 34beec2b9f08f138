import pytest

from asl_pkg.config.schema import DataSettings, FolderData, HttpData, MixData
from asl_pkg.data.sample import Source
from asl_pkg.data.sources import describe_source, fingerprint


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (HttpData(path="https://jane:secret@host:8443/a.zip?X-Signature=abc"), "https://host:8443/a.zip"),
        (MixData(path="a=https://j:s@host/a.zip?sig=1,b=s3://b/p"), "a=https://host/a.zip,b=s3://b/p"),
        (FolderData(path="who?/a@b"), "who?/a@b"),
    ],
)
def test_a_data_set_tells_no_password_and_no_signature(data: DataSettings, path: str) -> None:
    assert describe_source(data)["path"] == path


def test_a_renewed_signature_is_the_same_source() -> None:
    source = Source(lambda start: iter(()), 0, "state")
    first, other = (fingerprint(HttpData(path=f"https://host/a.zip?sig={sig}"), 7, source) for sig in "ab")
    assert first == other
