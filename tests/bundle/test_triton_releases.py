"""The table of Triton releases agrees with the contract, the locked packages and a real ONNX Runtime."""

import re
import subprocess
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from asl_pkg import contract
from asl_pkg.bundle.triton_releases import RELEASES, TritonRelease
from asl_pkg.serving.triton import environment
from tests.conftest import PROJECT

SERVING = next(release for release in RELEASES if release.container == contract.TRITON_RELEASE)
LOAD = """if True:
    import sys, onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    for path in sys.argv[1:]:
        try:
            onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            print("loaded")
        except Exception:
            print("refused")
"""


def locked(package: str) -> str:
    """The version in the hash-locked list of Triton's own environment."""
    text = (PROJECT / "images/requirements/triton.txt").read_text()
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found
    return found[1]


def write_graph(folder: Path, opset: int, ir_version: int) -> Path:
    """The least graph there is."""
    tensor = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "least", tensor[:1], tensor[1:])
    path = folder / f"{opset} {ir_version}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version), path)
    return path


@pytest.fixture(scope="module")
def installed() -> tuple[Path, TritonRelease]:
    """Python of Triton's own environment, and the release whose ONNX Runtime is there."""
    python = environment.find_triton().folder / "bin/python"
    ask = "import onnxruntime; print(onnxruntime.__version__)"
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    return python, next(release for release in RELEASES if release.onnxruntime == version)


def test_what_is_exported_is_the_newest_that_every_release_loads() -> None:
    assert min(release.opset for release in RELEASES) == contract.OPSET
    assert min(release.ir_version for release in RELEASES) == contract.IR_VERSION


def test_tritons_own_environment_has_the_onnx_runtime_of_the_release_on_the_cluster() -> None:
    assert locked("onnxruntime") == SERVING.onnxruntime


def test_the_onnx_runtime_beside_triton_takes_just_what_the_table_says(
    installed: tuple[Path, TritonRelease], tmp_path: Path
) -> None:
    python, release = installed
    versions = [
        (contract.OPSET, contract.IR_VERSION),
        (release.opset, release.ir_version),
        (release.opset + 1, release.ir_version),
        (release.opset, release.ir_version + 1),
    ]
    paths = [write_graph(tmp_path, *version) for version in versions]
    done = subprocess.run([python, "-c", LOAD, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["loaded", "loaded", "refused", "refused"]


def test_the_cluster_runs_the_release_that_the_contract_names() -> None:
    manifests = [path.read_text() for path in (PROJECT / "manifests").rglob("*.yaml")]
    tags = {tag for text in manifests for tag in re.findall(r"nvidia/tritonserver[:,]\s*(?:newTag: )?([\w.-]+)", text)}
    assert tags == {f"{contract.TRITON_RELEASE}-py3"}
