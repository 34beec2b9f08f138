"""Files of every version load as typed models, and a fault gives a one-line error."""

from typing import Any

import pytest

from asl_pkg.bundle.serving_state import Serving
from asl_pkg.monitoring.drift import DriftReport
from asl_pkg.storage.json_model import JsonModel, parse_json, read_schema_version, schema_of
from asl_pkg.validation.golden import GoldenBody
from asl_pkg.validation.report_body import ParityFigures, ReportBody, WorstGroup


class Sample(JsonModel):
    """For these tests."""

    schema_version: int
    share: float
    names: list[str] = []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "Invalid JSON"),
        (b"3", "the file is 3, expected an object"),
        (b"{}", "schema_version is missing"),
        (b'{"schema_version": "1", "share": 0}', "schema_version is '1', expected a valid integer"),
        (b'{"schema_version": 1, "share": true}', "share is True, expected a valid number"),
        (b'{"schema_version": 1, "share": 1, "names": ["a", 7]}', "names.1 is 7, expected a valid string"),
        ('{"schema_version": "\u202ea\u0000"}'.encode(), "Invalid JSON"),
        ('{"schema_version": "\u202ea"}'.encode(), "\\u202ea"),
    ],
)
def test_what_is_wrong_is_one_printable_line(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=".") as refusal:
        parse_json(Sample, text)
    assert said in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_what_only_newer_versions_know_is_left_out() -> None:
    text = b'{"schema_version": 1, "share": 1, "colour": "red"}'
    assert parse_json(Sample, text) == Sample(schema_version=1, share=1.0)
    assert read_schema_version(text) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (WorstGroup, {"name": "a", "accuracy": 1.0}),
        (ParityFigures, {"greatest": None, "other_class": 0, "close": 0, "rounding": 0.0}),
        (DriftReport, {"drifted": [], "release": "r", "unread": 0, "reference_images": 1, "measures": []}),
    ],
)
@pytest.mark.parametrize("name", ["images", "pictures"])
def test_files_of_version_0_1_0_are_read(kind: type[Any], body: dict[str, Any], name: str) -> None:
    assert kind.model_validate(body | {name: 2}).model_dump() == body | {"images": 2}


@pytest.mark.parametrize("kind", [ReportBody, GoldenBody, DriftReport, Serving])
def test_a_schema_names_what_is_written(kind: type[Any]) -> None:
    assert "'pictures'" not in str(schema_of(kind))
