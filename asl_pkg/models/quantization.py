"""Variants of the served graph in fewer bits; input and output stay as they are."""

import copy
import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from asl_pkg import contract
from asl_pkg.data.dataset import read_info, read_split
from asl_pkg.data.preparation import prepare
from asl_pkg.errors import DataError
from asl_pkg.models.onnx_export import check_graph

CALIBRATION_IMAGES = 300
# With its ReLU a convolution needs no sign. Sums cost more in 8 bits than in 32 in ONNX Runtime, and the last layer
# decides between letters and costs next to nothing.
IN_8_BITS = ["Conv", "Relu"]


def to_int8(graph: onnx.ModelProto, pixels: NDArray[np.uint8]) -> onnx.ModelProto:
    """Quantise a graph, for CPUs: a pair of QuantizeLinear and DequantizeLinear around what runs in int8.

    Args:
        graph: Graph in fp32.
        pixels: uint8 [n, 200, 200, 3], RGB, of the training split, to measure the range of the activations.

    Returns:
        Another graph with the same metadata_props.
    """
    facts = {prop.key: prop.value for prop in graph.metadata_props}
    made = _quantised(graph, pixels)
    onnx.helper.set_model_props(made, facts)
    check_graph(made)
    return made


def calibration_images(dataset_dir: Path, digest: str, seed: int) -> NDArray[np.uint8]:
    """Choose images of the training split for calibration.

    Args:
        dataset_dir: The data set.
        digest: Digest of the data set that the model was trained on.
        seed: Seed of the choice.

    Returns:
        uint8 [n, 200, 200, 3], RGB.

    Raises:
        DataError: There is no data set, it is damaged, or it is another one.
    """
    found = read_info(dataset_dir).digest
    if found != digest:
        raise DataError(
            f"{dataset_dir} is data set {found[:12]}, the model was trained on {digest[:12]}: dataset_dir=… names it"
        )
    images = read_split(dataset_dir, contract.SPLITS[0], ["image"])
    chosen = np.random.default_rng(seed).permutation(len(images))[:CALIBRATION_IMAGES]
    return np.stack([prepare(image["bytes"]) for image in images.take(np.sort(chosen))["image"].to_pylist()])


def _quantised(graph: onnx.ModelProto, pixels: NDArray[np.uint8]) -> onnx.ModelProto:
    ready = copy.deepcopy(graph)
    add_pre_process_metadata(ready)  # torch's exporter has folded and inferred already what the library would
    with tempfile.TemporaryDirectory(prefix="asl-int8-") as folder:
        path = Path(folder) / "model.onnx"
        quantize_static(
            ready,
            path,
            _Batches(pixels),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=IN_8_BITS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # weights of 7 bits: with 8, processors without VNNI overflow and answer otherwise
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(path)


class _Batches(CalibrationDataReader):
    """The images, in the form that the library needs."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        starts = range(0, len(pixels), contract.MAX_BATCH)
        self.batches = iter([pixels[start : start + contract.MAX_BATCH] for start in starts])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next input of the graph, None after the last."""
        batch = next(self.batches, None)
        return None if batch is None else {contract.INPUT_NAME: batch}
