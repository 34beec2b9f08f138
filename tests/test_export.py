"""Export of a real graph, run in a real ONNX Runtime."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from asl_pkg import contract
from asl_pkg import export as step
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.triton_config import config_pbtxt, labels
from asl_pkg.config.schema import ExportSettings
from asl_pkg.errors import BundleError
from asl_pkg.models.export_module import ExportModule
from asl_pkg.models.onnx_export import check_graph
from tests.support.exported import Exported, image, save, settings

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def graph(exported: Exported) -> onnx.ModelProto:
    return onnx.load(exported.bundle / contract.MODEL_FILE, load_external_data=False)


def test_the_bundle_holds_what_triton_reads_and_the_drift_reference(exported: Exported) -> None:
    files = {file.path for file in open_bundle(exported.bundle).manifest.files}
    assert files == {contract.CONFIG_FILE, contract.LABELS_FILE, contract.MODEL_FILE, contract.DRIFT_FILE}


@pytest.mark.parametrize("batch", [1, 3, contract.MAX_BATCH])
def test_onnx_runtime_answers_as_torch_for_any_batch(exported: Exported, batch: int) -> None:
    pixels = np.stack([image(number % 29, number) for number in range(batch)])
    session = onnxruntime.InferenceSession(exported.bundle / contract.MODEL_FILE)
    answer = session.run([contract.OUTPUT_NAME], {contract.INPUT_NAME: pixels})[0]
    with torch.inference_mode():
        expected = ExportModule(exported.classifier).eval()(torch.from_numpy(pixels)).numpy()
    assert answer.dtype == np.float32
    assert np.abs(answer - expected).max() < 1e-5


def test_the_graph_is_of_the_version_that_the_server_takes(graph: onnx.ModelProto) -> None:
    onnx.checker.check_model(graph, full_check=True)
    assert graph.ir_version == contract.IR_VERSION
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", contract.OPSET)]


def test_the_outputs_shape_follows_from_the_inputs(graph: onnx.ModelProto) -> None:
    blank = copy.deepcopy(graph)
    blank.graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(blank, check_type=True, strict_mode=True, data_prop=True)
    shapes = [value.type.tensor_type.shape.dim for value in (inferred.graph.input[0], inferred.graph.output[0])]
    assert [dim.dim_param or dim.dim_value for dim in shapes[1]] == ["batch", len(contract.CLASSES)]
    assert shapes[0][0].dim_param == "batch"


def test_a_graph_that_declares_another_shape_than_it_computes_is_refused(graph: onnx.ModelProto) -> None:
    lying = copy.deepcopy(graph)
    lying.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 30
    with pytest.raises(onnx.shape_inference.InferenceError, match="29.*30"):
        check_graph(lying)


def test_the_graph_says_what_it_is(graph: onnx.ModelProto) -> None:
    facts = {prop.key: prop.value for prop in graph.metadata_props}
    assert json.loads(facts[contract.METADATA_CLASSES]) == list(contract.CLASSES)
    assert facts[contract.METADATA_CONTRACT] == str(contract.CONTRACT_VERSION)
    assert float(facts[contract.METADATA_THRESHOLD]) == ExportSettings().confidence_threshold


def test_nothing_of_the_sources_is_in_the_graph(exported: Exported) -> None:
    written = (exported.bundle / contract.MODEL_FILE).read_bytes()
    for trace in (b"pkg.torch", b"site-packages", b"stack_trace", b".py", str(PROJECT).encode()):
        assert trace not in written


def test_another_process_writes_the_same_release(exported: Exported, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from asl_pkg.export import export; from asl_pkg.config.schema import Settings; "
        f"export(Settings(), Path({str(exported.checkpoint)!r}), Path({str(tmp_path / 'bundle')!r}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
    digests = {open_bundle(folder).manifest.model_digest for folder in (exported.bundle, tmp_path / "bundle")}
    assert len(digests) == 1


def test_the_bill_of_materials_of_the_training_goes_along(exported: Exported, tmp_path: Path) -> None:
    checkpoint = save(exported.classifier, tmp_path / "models")
    (tmp_path / "models" / contract.SBOM_FILE).write_text("{}")
    bundle = step.export(settings(), checkpoint, tmp_path / "bundle")
    assert (bundle.folder / contract.BUNDLE_SBOM).read_text() == "{}"
    assert contract.BUNDLE_SBOM in {file.path for file in bundle.manifest.files}


def test_the_graph_alone_is_copied_where_asked(exported: Exported, tmp_path: Path) -> None:
    step.export(settings(), exported.checkpoint, tmp_path / "bundle", tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == (tmp_path / "bundle" / contract.MODEL_FILE).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "model.onnx"]


def test_a_graph_that_answers_otherwise_is_refused_and_the_old_bundle_stays(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = step.export(settings(), exported.checkpoint, tmp_path / "bundle").digest
    right = step.to_onnx

    def wrong(served: torch.nn.Module, *rest: object) -> onnx.ModelProto:
        return right(torch.nn.Sequential(served, torch.nn.Softmax(dim=1)), *rest)

    monkeypatch.setattr(step, "to_onnx", wrong)
    with pytest.raises(BundleError, match="the checkpoint give different answers: log-probabilities differ by"):
        step.export(settings(), exported.checkpoint, tmp_path / "bundle")
    assert open_bundle(tmp_path / "bundle").digest == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_checkpoint_apart_from_its_training_gives_a_bundle_without_drift_reference(
    exported: Exported, tmp_path: Path
) -> None:
    moved = save(exported.classifier, tmp_path / "moved")
    bundle = step.export(settings(), moved, tmp_path / "bundle")
    assert not (bundle.folder / contract.DRIFT_FILE).exists()


def test_a_missing_checkpoint_is_named_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none\.ckpt: `asl train` makes one"):
        step.export(settings(), tmp_path / "none.ckpt", tmp_path / "bundle")


@pytest.mark.parametrize(("name", "text"), [("config.pbtxt", config_pbtxt(ExportSettings())), ("labels.txt", labels())])
def test_the_files_in_triton_models_are_current(name: str, text: str) -> None:
    assert (PROJECT / "triton_models" / contract.MODEL_NAME / name).read_text() == text
