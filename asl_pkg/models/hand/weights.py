"""The pretrained networks: MediaPipe's palm detector and hand landmark network, two .tflite files.

They are under the Apache License 2.0, https://github.com/google-ai-edge/mediapipe. `make install` takes them out of
the wheel of the package mediapipe; nothing else of it is installed.
"""

import hashlib
import os
import sys
from pathlib import Path

from asl_pkg.errors import SettingError
from asl_pkg.lineage.sbom import PretrainedFile

PALM_DETECTOR = PretrainedFile(
    "palm_detection_full.tflite",
    "mediapipe",
    "0.10.21",  # as in images/requirements/weights.txt
    "Apache-2.0",
    "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
)
HAND_LANDMARKS = PALM_DETECTOR._replace(
    name="hand_landmark_full.tflite", sha256="11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"
)
PRETRAINED = (PALM_DETECTOR, HAND_LANDMARKS)
VARIABLE = "ASL_WEIGHTS"
FOLDER = ".weights"
REMEDY = "`make install` fetches it"


def read_weights(file: PretrainedFile) -> bytes:
    """Read one of the files from $ASL_WEIGHTS, or from .weights here or beside this Python's environment.

    Args:
        file: One of PRETRAINED.

    Returns:
        Its contents.

    Raises:
        SettingError: It is missing, or altered.
    """
    named = os.environ.get(VARIABLE)
    folders = [Path(named)] if named else [Path(FOLDER), Path(sys.prefix).parent / FOLDER]
    for path in (folder / file.name for folder in folders):
        if path.is_file():
            return _checked(path, path.read_bytes(), file.sha256)
    raise SettingError(f"model=hand: no {file.name} in {' or '.join(map(str, folders))}: {REMEDY}")


def _checked(path: Path, data: bytes, expected: str) -> bytes:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise SettingError(f"{path} has SHA-256 {found}, expected {expected}: remove it, then {REMEDY}")
    return data
