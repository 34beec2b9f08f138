"""ONNX Runtime in this process, on a model that keeps the contract."""

from pathlib import Path

import numpy as np
import onnxruntime

from asl_pkg import contract
from asl_pkg.errors import BundleError


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load a model for the CPU.

    Args:
        path: the ONNX file.

    Returns:
        The session.

    Raises:
        BundleError: there is none, it is damaged, or its input and output are not the contract's.
    """
    if not path.is_file():
        raise BundleError(f"no ONNX file in {path}: `asl export` writes one")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what it refuses arrives as an exception; its warnings are for its own developers
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class
        raise BundleError(f"{path} is damaged or no ONNX file: `asl export` writes one") from error
    px = contract.IMAGE_PX
    expected = [
        (contract.INPUT_NAME, "tensor(uint8)", [px, px, 3]),
        (contract.OUTPUT_NAME, "tensor(float)", [len(contract.CLASSES)]),
    ]
    found = [(one.name, one.type, one.shape[1:]) for one in (*session.get_inputs(), *session.get_outputs())]
    if found != expected:
        raise BundleError(f"{path} has {found}, expected {expected}: `asl export` writes such a model")
    return session


def predict(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    """Compute probabilities.

    Args:
        session: made by `open_session`.
        pixels: uint8 [n, 200, 200, 3], RGB.

    Returns:
        float32 [n, 29], in the order of contract.CLASSES.
    """
    probabilities: np.ndarray = session.run([contract.OUTPUT_NAME], {contract.INPUT_NAME: pixels})[0]
    return probabilities
