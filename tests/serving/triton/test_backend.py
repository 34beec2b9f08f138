"""Our ONNX Runtime backend: which options it honours, that it refuses the rest, and that it runs in a real Triton."""

import importlib.util
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import onnxruntime
import psutil
import pytest
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from asl_pkg.bundle import triton_config
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import ExportSettings
from asl_pkg.errors import ServingError
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton import command
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.tiny import make_bundle

DEFAULT = triton_config.config_pbtxt(ExportSettings())
PORTS = {"http_port": 18100, "grpc_port": 18101, "metrics_port": 18102}


def parameter(name: str, value: str) -> str:
    return f'parameters {{ key: "{name}" value {{ string_value: "{value}" }} }}\n'


def changed(old: str, new: str) -> str:
    """config.pbtxt with a piece replaced, or appended where `old` is empty."""
    config = DEFAULT.replace(old, new) if old else DEFAULT + new
    assert config != DEFAULT
    return config


def parsed(config: str) -> dict[str, Any]:
    """config.pbtxt as Triton hands it to a backend."""
    message = text_format.Parse(config, model_config_pb2.ModelConfig())
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


@pytest.fixture(scope="module")
def backend() -> types.ModuleType:
    """The backend's module; the utilities that it imports exist inside Triton's process only."""
    utilities = types.ModuleType("triton_python_backend_utils")
    utilities.TritonModelException = type("TritonModelException", (Exception,), {})  # type: ignore[attr-defined]
    spec = importlib.util.spec_from_file_location("backend", command.ONNXRUNTIME_BACKEND)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, utilities.__name__, utilities)
        spec.loader.exec_module(module)
    return module


def test_the_backend_lets_pass_just_the_parameters_that_only_inform(backend: types.ModuleType) -> None:
    assert backend.INFORMATION_PARAMETERS == triton_config.INFORMATION_PARAMETERS


def test_the_options_of_our_own_configuration_reach_onnx_runtime(backend: types.ModuleType) -> None:
    config = triton_config.config_pbtxt(ExportSettings(threads=3)) + parameter("execution_mode", "1")
    config += "optimization { graph { level: 1 } }"
    backend.check_sections(parsed(config))
    options = backend.session_options(parsed(config))
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_PARALLEL
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    spinning = options.get_session_config_entry("session.intra_op.allow_spinning")
    assert spinning == "0", "several copies share the processor"


THREADS = 'intra_op_thread_count" value { string_value: "1" }'


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("", parameter("enable_mem_arena", "1"), "'enable_mem_arena' is unknown", id="unknown parameter"),
        pytest.param("", parameter("execution_mode", "7"), "execution_mode is '7'", id="execution mode"),
        pytest.param(THREADS, THREADS.replace("1", "two"), "intra_op_thread_count is 'two'", id="thread count"),
        pytest.param(THREADS, THREADS.replace("1", "-1"), "intra_op_thread_count is '-1'", id="negative threads"),
        pytest.param("", "optimization { graph { level: 9 } }", "graph level is 9", id="graph level"),
        pytest.param(
            "",
            'optimization { execution_accelerators { cpu_execution_accelerator: [ { name: "openvino" } ] } }',
            "'execution_accelerators' is not supported",
            id="accelerator",
        ),
        pytest.param("", "optimization { priority: PRIORITY_MAX }", "'priority' is not supported", id="priority"),
        pytest.param("KIND_CPU", "KIND_GPU", "KIND_GPU, this backend supports KIND_CPU only", id="instance kind"),
        pytest.param("", "model_transaction_policy { decoupled: true }", "transaction_policy", id="decoupled"),
        pytest.param("", 'model_operations { op_library_filename: "a.so" }', "'model_operations'", id="library"),
        pytest.param("", 'cc_model_filenames { key: "8.0" value: "a" }', "'cc_model_filenames'", id="file by GPU"),
    ],
)
def test_a_demand_that_the_backend_cannot_meet_is_refused_by_name(
    backend: types.ModuleType, old: str, new: str, reason: str
) -> None:
    config = parsed(changed(old, new))
    with pytest.raises(Exception, match=reason):
        backend.check_sections(config) or backend.session_options(config)


@pytest.mark.parametrize(
    ("side", "old", "new", "reason"),
    [
        pytest.param("output", "dims: [ 29 ]", "dims: [ 30 ]", r"\[-1, 30\], the model has \[-1, 29\]", id="size"),
        pytest.param("input", "dims: [ 200, 200, 3 ]", "dims: [ 200, 3 ]", r"the model has \[-1, 200", id="rank"),
        pytest.param("input", "TYPE_UINT8", "TYPE_FP32", r"TYPE_FP32, the model has tensor\(uint8\)", id="type"),
        pytest.param("output", '"output"', '"letters"', r"\['letters'\], the model has \['output'\]", id="name"),
        pytest.param(
            "input", '"input" data', '"input" optional: true data', "'optional' is not supported", id="optional"
        ),
        pytest.param(
            "output", "label_f", "reshape { shape: [ 1, 29 ] } label_f", r"\[-1, 1, 29\], the model has", id="reshape"
        ),
    ],
)
def test_tensors_that_the_model_does_not_have_are_refused(
    backend: types.ModuleType, bundle: Bundle, side: str, old: str, new: str, reason: str
) -> None:
    session = open_session(bundle.model_path)
    found = session.get_inputs() if side == "input" else session.get_outputs()
    backend.check_tensors(side, parsed(DEFAULT)[side], found, True)
    with pytest.raises(Exception, match=reason):
        backend.check_tensors(side, parsed(changed(old, new))[side], found, True)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("", parameter("enable_mem_arena", "1"), "'enable_mem_arena' is unknown", id="parameter"),
        pytest.param("dims: [ 29 ]", "dims: [ 30 ]", r"the model has \[-1, 29\]", id="dims"),
        pytest.param("model.onnx", "other.onnx", "other.onnx", id="file name"),
    ],
)
def test_triton_does_not_start_on_it_and_says_why_in_one_line(tmp_path: Path, old: str, new: str, reason: str) -> None:
    bundle = make_bundle(tmp_path / "bundle", changed(old, new))
    with pytest.raises(ServingError, match=reason) as caught, LocalTriton(bundle, **PORTS):
        pass
    assert "\n" not in str(caught.value)
    log = Path(str(caught.value).rpartition("see ")[2])
    assert log.is_file(), "the error names the log"
    shutil.rmtree(log.parent)


def test_a_bundle_whose_path_has_spaces_is_served(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "my models" / "bundle")
    with LocalTriton(bundle, **PORTS) as server:
        assert Client(server.http_url).release == bundle.release


def test_triton_starts_as_many_instances_with_as_many_threads_as_configured(tmp_path: Path) -> None:
    """Each instance is a process; of its pool ONNX Runtime starts one thread fewer, the caller is the first."""
    counts = {}
    for instances, threads in ((1, 1), (2, 6)):
        config = triton_config.config_pbtxt(ExportSettings(instances=instances, threads=threads))
        with LocalTriton(make_bundle(tmp_path / str(threads), config), **PORTS) as server:
            counts[threads] = [child.num_threads() for child in psutil.Process(server.pid).children()]
    assert len(counts[1]) == 1
    assert counts[6] == [counts[1][0] + 5] * 2
