"""Typed JSON files, which other versions of the program can read; a damaged one is refused in one line."""

import re
import reprlib
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

T = TypeVar("T")


class JsonModel(BaseModel):
    """Contents of a JSON file. Text is never converted to a number; keys of newer versions are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, populate_by_name=True)


class _Versioned(JsonModel):
    schema_version: int


def parse_json(kind: type[T], text: bytes) -> T:
    """Read the contents of a JSON file.

    Args:
        kind: Class that describes them.
        text: Bytes of the file.

    Returns:
        The contents.

    Raises:
        ValueError: The text is not JSON or not of this kind; the message is one printable line.
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from error


def read_schema_version(text: bytes) -> int:
    """Read the schema version of a JSON file; raises ValueError if there is none."""
    return parse_json(_Versioned, text).schema_version


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    where = ".".join(map(str, fault["loc"])) or "the file"
    expected = re.sub(r"^\w+ should (be|have|match) ", "", fault["msg"])
    if fault["type"] == "json_invalid":
        line = fault["msg"]
    elif fault["type"] == "missing":
        line = f"{where} is missing"
    elif fault["type"] == "value_error":
        line = f"{where} {fault['msg'].removeprefix('Value error, ')}"
    else:
        line = f"{where} is {reprlib.repr(fault['input'])}, expected {expected}"
    return _printable(line)


def _printable(text: str) -> str:
    """A name or a value may hold line breaks or bytes that are not text: neither may reach the terminal."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


def schema_of(kind: Any) -> dict[str, Any]:
    """JSON Schema of a kind of file, as the program writes it."""
    return TypeAdapter(kind).json_schema(by_alias=True, mode="serialization")
