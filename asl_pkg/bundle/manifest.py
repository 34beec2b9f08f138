"""bundle.json, read as what it is: a file that anybody may have written."""

import json
import math
import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.class_sets import KNOWN_CLASSES_KEY
from asl_pkg.errors import BundleError

MAX_BYTES = 2**20  # it names a handful of files in some kilobytes
DIGEST = re.compile(r"[0-9a-f]{64}")
# Neither absolute nor with `..`, an empty part or a hidden file, and only what every file system and shell takes.
PATH = re.compile(r"(?:\w[\w.-]*/)*\w[\w.-]*", re.ASCII)
# A type stands for itself, a pattern for a text, [one] for a list of them; a dict names the keys that must be there.
SHAPE = {
    "contract_version": int,
    "preparation_version": int,
    "image_px": int,
    "classes": [str],
    "model_digest": DIGEST,
    "dataset_digest": str,
    "confidence_threshold": float,
    "temperature": float,
    "provenance": {
        "exported_at": str,
        "training": {"commit": str, "run_id": str, "seed": int, "model": {}, "trainer": {}},
    },
    "files": [{"path": PATH, "size": int, "sha256": DIGEST}],
}


def read_manifest(path: Path) -> dict[str, Any]:
    """Read bundle.json and check the type of everything in it that anybody reads.

    Args:
        path: of bundle.json.

    Returns:
        Its contents; `files` names no file twice and none outside the bundle.

    Raises:
        BundleError: it is not JSON, too large, of another schema, or something in it is of the wrong type.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES:,} bytes")
        manifest = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if type(version) is int and version != contract.BUNDLE_SCHEMA:
        raise BundleError(f"{path} has bundle schema {version}, expected {contract.BUNDLE_SCHEMA}: export it again")
    if fault := next(_faults(manifest, {"schema_version": int, **SHAPE}, "it"), None):
        raise _damaged(path, fault)
    if fault := next(_faults(manifest.get(KNOWN_CLASSES_KEY, []), [str], KNOWN_CLASSES_KEY), None):
        raise _damaged(path, fault)
    if not 0 <= manifest["confidence_threshold"] <= 1:
        raise _damaged(path, "confidence_threshold is not a probability")
    names = [one["path"] for one in manifest["files"]]
    if len(names) != len(set(names)):
        raise _damaged(path, "it names a file twice")
    return dict(manifest)


def _faults(value: Any, shape: Any, name: str) -> Iterator[str]:
    """What in a value is not of its shape, the first thing first."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{name} is {_shown(value)}, expected named values"
            return
        for key, inner in shape.items():
            if key in value:
                yield from _faults(value[key], inner, key)
            else:
                yield f"{key} is missing"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{name} is {_shown(value)}, expected a list"
            return
        for one in value:
            yield from _faults(one, shape[0], name)
    elif isinstance(shape, re.Pattern):
        if not isinstance(value, str) or not shape.fullmatch(value):
            yield f"{name} is {_shown(value)}, expected {shape.pattern}"
    elif not (type(value) in (int, float) and math.isfinite(value) if shape is float else type(value) is shape):
        yield f"{name} is {_shown(value)}, expected {shape.__name__}"


def _shown(value: Any) -> str:
    """A value, shortened, in printable characters on one line."""
    return ascii(reprlib.repr(value))[1:-1]


def _damaged(path: Path, why: str) -> BundleError:
    return BundleError(f"{path} is damaged ({why}): `asl export` writes a new one")
