"""Variants in fp16 and int8 keep the contract and give nearly the same answers as fp32."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import ExportSettings, Settings
from asl_pkg.errors import DataError
from asl_pkg.export import export, graph_metadata
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.models.export_module import ExportModule, HalfExportModule
from asl_pkg.models.onnx_export import to_onnx
from asl_pkg.models.quantization import CALIBRATION_IMAGES, calibration_images, to_int8
from asl_pkg.validation.model_contract import contract_faults
from tests.support.exported import Exported, image
from tests.support.training_fixtures import Training


def export_in(precision: str, training: Training, dataset_dir: Path, folder: Path) -> Bundle:
    settings = Settings(dataset_dir=str(dataset_dir), export=ExportSettings(precision=precision))
    return export(settings, training.folder / contract.BEST_CHECKPOINT, folder)


@pytest.fixture(scope="module")
def bundles(training: Training, dataset_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    folder = tmp_path_factory.mktemp("variants")
    return {
        precision: export_in(precision, training, dataset_dir, folder / precision) for precision in contract.PRECISIONS
    }


@pytest.mark.parametrize("precision", contract.PRECISIONS)
def test_a_variant_keeps_the_contract_and_says_what_it_is(bundles: dict[str, Bundle], precision: str) -> None:
    bundle = bundles[precision]
    assert contract_faults(bundle) == []
    assert bundle.precision == precision
    facts = {prop.key: prop.value for prop in onnx.load(bundle.model_path).metadata_props}
    assert facts[contract.METADATA_PRECISION] == precision
    assert facts.keys() == {prop.key for prop in onnx.load(bundles[contract.FP32].model_path).metadata_props}


def test_half_precision_is_in_the_network_alone(bundles: dict[str, Bundle]) -> None:
    graph = onnx.load(bundles[contract.FP16].model_path).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert types["network.head.weight"] == TensorProto.FLOAT16
    assert types["normalise.scale"] == TensorProto.FLOAT
    assert [node.op_type for node in graph.node[-3:]] == ["Cast", "Div", "Softmax"]


def test_int8_has_whole_numbers_for_weights_and_a_scale_a_channel(bundles: dict[str, Bundle]) -> None:
    graph = onnx.load(bundles[contract.INT8].model_path).graph
    assert sum(tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 4 for tensor in graph.initializer) == sum(
        node.op_type == "Conv" for node in graph.node
    )
    assert {node.domain for node in graph.node} == {""}


def test_int8_of_the_same_training_is_the_same_release(
    bundles: dict[str, Bundle], training: Training, dataset_dir: Path, tmp_path: Path
) -> None:
    again = export_in(contract.INT8, training, dataset_dir, tmp_path / "bundle")
    assert again.release == bundles[contract.INT8].release != bundles[contract.FP32].release


def test_calibration_takes_the_same_training_images_for_the_same_seed(training: Training, dataset_dir: Path) -> None:
    digest = bundle_digest(training)
    pixels = calibration_images(dataset_dir, digest, 1)
    assert pixels.dtype == np.uint8
    assert 29 < len(pixels) <= CALIBRATION_IMAGES
    assert (pixels == calibration_images(dataset_dir, digest, 1)).all()


def bundle_digest(training: Training) -> str:
    from asl_pkg.models import load_checkpoint

    return str(load_checkpoint(training.folder / contract.BEST_CHECKPOINT).hparams["dataset_digest"])


def test_images_of_another_data_set_do_not_calibrate(dataset_dir: Path) -> None:
    with pytest.raises(DataError, match="the model was trained on eeeeeeeeeeee: dataset_dir="):
        calibration_images(dataset_dir, "e" * 64, 1)


@pytest.mark.parametrize("precision", [contract.FP16, contract.INT8])
def test_a_variant_names_the_class_that_torch_names(exported: Exported, tmp_path: Path, precision: str) -> None:
    served = ExportModule(exported.classifier).eval()
    facts = graph_metadata(exported.classifier.hparams, ExportSettings(precision=precision))
    pixels = np.stack([image(label, 1) for label in range(29)])
    made = (
        to_onnx(HalfExportModule(served).eval(), facts)
        if precision == contract.FP16
        else to_int8(to_onnx(served, facts), pixels)
    )
    onnx.save(made, tmp_path / "model.onnx")
    with torch.inference_mode():
        expected = served(torch.from_numpy(pixels)).numpy()
    answer = predict(open_session(tmp_path / "model.onnx"), pixels)
    assert answer.dtype == np.float32
    assert (answer.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("said", [contract.FP32, "int4"])
def test_a_bundle_that_says_another_precision_than_its_graph_breaks_the_contract(
    bundles: dict[str, Bundle], said: str
) -> None:
    bundle = bundles[contract.INT8]
    lying = dataclasses.replace(bundle, manifest=bundle.manifest.model_copy(update={"precision": said}))
    assert contract_faults(lying) == [f"precision int8, bundle.json says {said}: fp32, fp16, int8"]
