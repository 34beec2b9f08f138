"""Check a bundle against the model contract."""

import json

import numpy as np
import onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from asl_pkg import contract
from asl_pkg.bundle import triton_config
from asl_pkg.bundle.bundle import Bundle, stated_faults
from asl_pkg.class_sets import labels_of
from asl_pkg.errors import BundleError
from asl_pkg.inference.onnx_session import open_session, read_model

SUM_TOLERANCE = 1e-4  # by which the probabilities of an image may miss 1


def contract_faults(bundle: Bundle) -> list[str]:
    """Compare a bundle with the model contract.

    Args:
        bundle: Bundle whose digests were verified.

    Returns:
        One line for each violation; empty for a sound bundle.
    """
    if faults := stated_faults(bundle):
        return faults
    return [*_config_faults(bundle), *_graph_faults(bundle), *_answer_faults(bundle)]


def _config_faults(bundle: Bundle) -> list[str]:
    """Faults of config.pbtxt and labels.txt."""
    faults = []
    if (bundle.folder / contract.LABELS_FILE).read_text(encoding="utf-8") != triton_config.labels():
        faults.append("labels.txt does not list the classes in order")
    try:
        text = (bundle.folder / contract.CONFIG_FILE).read_text(encoding="utf-8")
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        return [*faults, f"config.pbtxt cannot be read: {error}"]
    tensors = [(tensor.name, tensor.data_type, list(tensor.dims)) for tensor in [*config.input, *config.output]]
    expected = [
        (contract.INPUT_NAME, model_config_pb2.TYPE_UINT8, [contract.IMAGE_PX, contract.IMAGE_PX, 3]),
        *((name, model_config_pb2.TYPE_FP32, list(dims)) for name, dims in _outputs(bundle).items()),
    ]
    if (config.name, config.max_batch_size, tensors) != (contract.MODEL_NAME, contract.MAX_BATCH, expected):
        faults.append("config.pbtxt differs from the contract in name, batch size or tensors")
    if config.backend != triton_config.BACKEND:  # the Python backend would run whatever model.onnx is
        faults.append(f"config.pbtxt asks for backend {config.backend!r}, expected {triton_config.BACKEND!r}")
    return faults


def _graph_faults(bundle: Bundle) -> list[str]:
    """Faults of the graph, without running it."""
    path = bundle.model_path
    try:
        graph = onnx.load_model_from_string(read_model(path))
    except BundleError as error:
        return [str(error)]
    faults = []
    if graph.ir_version > contract.IR_VERSION:
        faults.append(f"IR version {graph.ir_version}, at most {contract.IR_VERSION}")
    operators = {opset.domain: opset.version for opset in graph.opset_import}
    if set(operators) != {""} or operators[""] > contract.OPSET:
        faults.append(f"operators {operators}, expected the standard ones of opset {contract.OPSET} at most")
    facts = {prop.key: prop.value for prop in graph.metadata_props}
    if facts.get(contract.METADATA_CLASSES) != json.dumps(contract.CLASSES):
        faults.append("the graph lists other classes, or another order")
    known = facts.get(contract.METADATA_KNOWN, json.dumps(contract.CLASSES))
    if known != json.dumps(bundle.known_classes):
        faults.append(f"the graph knows the classes {known}, bundle.json says {', '.join(bundle.known_classes)}")
    version = bundle.manifest.contract_version
    if facts.get(contract.METADATA_CONTRACT) != str(version):
        faults.append(f"contract version {facts.get('contract_version')}, bundle.json says {version}")
    outputs = [output.name for output in graph.graph.output]
    if outputs != list(_outputs(bundle)):
        faults.append(f"outputs {outputs}, contract version {version} has {list(_outputs(bundle))}")
    precision = facts.get(contract.METADATA_PRECISION, contract.FP32)
    if precision != bundle.precision or precision not in contract.PRECISIONS:
        faults.append(f"precision {precision}, bundle.json says {bundle.precision}: {', '.join(contract.PRECISIONS)}")
    return faults


def _answer_faults(bundle: Bundle) -> list[str]:
    """Faults of the input and output tensors, found by running the graph."""
    try:
        session = open_session(bundle.model_path)
    except BundleError as error:
        return [str(error)]
    faults = []
    unknown = np.setdiff1d(range(len(contract.CLASSES)), labels_of(bundle.known_classes))
    for images in (1, contract.MAX_BATCH):
        blank = np.zeros((images, contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8)
        try:
            probabilities, *hand = session.run(None, {contract.INPUT_NAME: blank})
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            faults.append(f"a batch of {images} is refused: {str(error).splitlines()[0]}")
            continue
        if not np.allclose(probabilities.sum(axis=1), 1, atol=SUM_TOLERANCE) or (probabilities < 0).any():
            faults.append("the output is not probabilities: values are negative or do not add up to 1")
        if probabilities[:, unknown].any():
            faults.append("classes that bundle.json does not list as known have a probability")
        if hand and any(found.any() for found in hand):
            faults.append("it finds a hand in a black image, or gives landmarks that are not numbers")
    return faults


def _outputs(bundle: Bundle) -> dict[str, tuple[int, ...]]:
    return contract.V2_OUTPUTS[bundle.manifest.contract_version]
