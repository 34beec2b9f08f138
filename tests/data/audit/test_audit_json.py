"""audit.json can be read again, also that of version 0.1; a damaged one is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg.data.audit.audit import Findings, write_audit
from asl_pkg.data.audit.audit_json import Audit, read_audit
from asl_pkg.errors import DataError
from tests.data.audit.test_audit import findings

__all__ = ["findings"]  # the fixture

SINCE = ("known_classes", "people", "external_quarantined", "external_skipped")  # keys that came later


@pytest.fixture(scope="module")
def written(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Audit]:  # noqa: F811
    folder = tmp_path_factory.mktemp("audited")
    return folder, write_audit(folder, findings)


def older(value: Any) -> Any:
    """A value of audit.json as version 0.1 wrote it."""
    if isinstance(value, dict):
        return {name.replace("images", "pictures"): older(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [older(inner) for inner in value]
    return "picture" if value == "image" else value


def test_what_was_written_is_read(written: tuple[Path, Audit]) -> None:
    folder, audit = written
    assert read_audit(folder) == audit


def test_users_find_the_keys_that_they_know(written: tuple[Path, Audit]) -> None:
    keys = json.loads((written[0] / contract.AUDIT_FILE).read_text()).keys()
    assert {"honesty", "label_errors", "images", "near_duplicates", "recordings"} <= keys


def test_an_audit_of_version_0_1_is_read(written: tuple[Path, Audit], tmp_path: Path) -> None:
    folder, audit = written
    content = older(json.loads((folder / contract.AUDIT_FILE).read_text()))
    assert content["pictures"] == audit.images
    for name in SINCE:
        del content[name]
    (tmp_path / contract.AUDIT_FILE).write_text(json.dumps(content))
    assert read_audit(tmp_path) == audit


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "damaged"), ("[]", "damaged"), ('{"digest": 7}', "digest is 7"), ('{"digest": "x"}', "is missing")],
)
def test_a_damaged_audit_is_refused_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / contract.AUDIT_FILE).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_audit(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_audit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no audit in"):
        read_audit(tmp_path)
