"""ONNX Runtime in this process, for models that keep the contract."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from google.protobuf.message import DecodeError, Message

from asl_pkg import contract
from asl_pkg.errors import BundleError

MAX_MODEL_BYTES = 2**31 - 1  # of an ONNX file: protobuf's limit


def open_session(path: Path, threads: int = 0) -> onnxruntime.InferenceSession:
    """Load a model for the CPU.

    Args:
        path: The ONNX file.
        threads: Number of threads per answer; 0 uses all cores.

    Returns:
        The session.

    Raises:
        BundleError: The file is missing or damaged, has weights elsewhere, or its input or output differs from the
            contract.
    """
    model = read_model(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what it refuses arrives as an exception; its warnings are for its own developers
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class
        raise BundleError(f"{path} is damaged or not an ONNX file: `asl export` writes one") from error
    px = contract.IMAGE_PX
    allowed = [
        [(contract.INPUT_NAME, "tensor(uint8)", [px, px, 3])]
        + [(name, "tensor(float)", list(dims)) for name, dims in outputs.items()]
        for outputs in contract.OUTPUTS.values()
    ]
    found = [(tensor.name, tensor.type, tensor.shape[1:]) for tensor in (*session.get_inputs(), *session.get_outputs())]
    if found not in allowed:
        raise BundleError(f"{path} has {found}, expected {allowed[0]}: `asl export` writes a model that fits")
    return session


def read_model(path: Path) -> bytes:
    """Read an ONNX file and refuse one that names other files, which ONNX Runtime and Triton would open.

    Args:
        path: The ONNX file.

    Returns:
        Its bytes.

    Raises:
        BundleError: The file is missing, too large or not ONNX, or a weight is declared to be elsewhere.
    """
    if not path.is_file():
        raise BundleError(f"no ONNX file in {path}: `asl export` writes one")
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise BundleError(f"{path} is larger than {MAX_MODEL_BYTES:,} bytes: it is not an ONNX file")
    data = path.read_bytes()
    try:
        elsewhere = next(_weights_elsewhere(onnx.load_model_from_string(data)), None)
    except DecodeError as error:
        raise BundleError(f"{path} is damaged or not an ONNX file: `asl export` writes one") from error
    if elsewhere is not None:
        where = ascii(elsewhere[:80])
        raise BundleError(
            f"{path} keeps weights outside the ONNX file ({where}): `asl export` writes one that does not"
        )
    return data


def _weights_elsewhere(message: Message) -> Iterator[str]:
    """Declared locations of tensors outside the file, in any part of the graph."""
    if isinstance(message, onnx.TensorProto):
        if message.external_data or message.data_location != onnx.TensorProto.DEFAULT:
            yield ", ".join(f"{entry.key} {entry.value}" for entry in message.external_data)
        return
    for field, value in message.ListFields():
        if field.message_type:
            for part in [value] if isinstance(value, Message) else value:
                yield from _weights_elsewhere(part)


def predict(session: onnxruntime.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    """Compute probabilities.

    Args:
        session: Made by `open_session`.
        pixels: uint8 [n, 200, 200, 3], RGB.

    Returns:
        float32 [n, 29], in the order of contract.CLASSES.
    """
    probabilities: np.ndarray = session.run([contract.OUTPUT_NAME], {contract.INPUT_NAME: pixels})[0]
    return probabilities


def predict_in_batches(
    session: onnxruntime.InferenceSession, pixels: np.ndarray, size: int = contract.MAX_BATCH
) -> np.ndarray:
    """Compute the probabilities of any number of images, `size` of them at a time; otherwise as `predict`."""
    starts = range(0, len(pixels), size)
    return np.concatenate([predict(session, pixels[start : start + size]) for start in starts])
