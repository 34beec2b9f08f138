"""A model with the contract's signature that is made in no time, and its bundle."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, seal
from asl_pkg.bundle.manifest import ModelFacts, Provenance, TrainingFacts
from asl_pkg.bundle.triton_config import config_pbtxt, labels
from asl_pkg.config.schema import ExportSettings

THRESHOLD = 0.4


def tiny_model(seed: int = 0, version: int = contract.CONTRACT_VERSION) -> onnx.ModelProto:
    """The mean colour of an image, times random weights, as probabilities: images get different answers.

    Of HAND_CONTRACT_VERSION, it sees a hand wherever it looks, with landmarks that follow the colour, too.
    """
    px, classes = contract.IMAGE_PX, len(contract.CLASSES)
    weights = np.random.default_rng(seed).normal(size=(3, classes)).astype(np.float32) / 20
    constants = {"weights": weights, "axes": [1, 2], "grey": np.float32(128)}
    outputs = {name: ["batch", *dims] for name, dims in contract.OUTPUTS[version].items()}
    hand = []
    if version == contract.HAND_CONTRACT_VERSION:
        constants |= {
            "places": np.full((3, 3 * contract.HAND_POINTS), 0.1, np.float32),
            "each": [-1, contract.HAND_POINTS, 3],
        }
        hand = [
            helper.make_node("MatMul", ["colour", "places"], ["flat"]),
            helper.make_node("Reshape", ["flat", "each"], [contract.LANDMARKS_NAME]),
            helper.make_node("ReduceMax", [contract.OUTPUT_NAME, "classes"], [contract.HAND_SCORE_NAME], keepdims=0),
        ]
        constants["classes"] = [1]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [contract.INPUT_NAME], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float", "axes"], ["colour"], keepdims=0),
            helper.make_node("Sub", ["colour", "grey"], ["centred"]),
            helper.make_node("MatMul", ["centred", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], [contract.OUTPUT_NAME], axis=-1),
            *hand,
        ],
        "tiny",
        [helper.make_tensor_value_info(contract.INPUT_NAME, TensorProto.UINT8, ["batch", px, px, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", contract.OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=contract.IR_VERSION)
    facts = {
        contract.METADATA_CLASSES: json.dumps(contract.CLASSES),
        contract.METADATA_THRESHOLD: str(THRESHOLD),
        contract.METADATA_CONTRACT: str(version),
        contract.METADATA_PREPARATION: str(contract.PREPARATION_VERSION),
    }
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    return model


def make_bundle(folder: Path, config: str = "", seed: int = 0, version: int = contract.CONTRACT_VERSION) -> Bundle:
    """Seal a bundle of the tiny model; `config` replaces config.pbtxt, another seed is another model."""
    (folder / contract.MODEL_FILE).parent.mkdir(parents=True)
    onnx.save(tiny_model(seed, version), folder / contract.MODEL_FILE)
    settings = ExportSettings(confidence_threshold=THRESHOLD)
    (folder / contract.CONFIG_FILE).write_text(config or config_pbtxt(settings, version))
    (folder / contract.LABELS_FILE).write_text(labels())
    training = TrainingFacts(commit="unknown", run_id="0", seed=0, model={}, trainer={})
    facts = ModelFacts(
        contract_version=version,
        dataset_digest="0" * 64,
        confidence_threshold=THRESHOLD,
        temperature=1.0,
        provenance=Provenance(exported_at="2026-11-25T00:00:00+00:00", training=training),
    )
    return seal(folder, facts)
