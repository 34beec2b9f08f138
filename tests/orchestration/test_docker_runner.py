"""Steps in containers: the pipeline as compiled, and of this machine what a process would have, no more."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from asl_pkg import pipeline
from asl_pkg.config.schema import PodSettings
from asl_pkg.errors import AslError
from asl_pkg.orchestration import docker_runner, images


def strings(document: Any) -> list[str]:
    """Every text in a YAML document, and its structure."""
    if isinstance(document, dict):
        return [text for key, value in document.items() for text in (str(key), *strings(value))]
    if isinstance(document, list):
        return ["[", *(text for one in document for text in strings(one)), "]"]
    return [str(document)]


def test_the_pipeline_in_containers_differs_from_the_compiled_one_in_its_images_alone() -> None:
    compiled = pipeline.COMPILED.read_text()
    replaced = docker_runner.with_images(compiled, images.step_images(PodSettings()))
    before, after = (strings(list(yaml.safe_load_all(text))) for text in (compiled, replaced))
    changed = {(old, new) for old, new in zip(before, after, strict=True) if old != new}
    assert changed == {
        (f"{{{{$.inputs.parameters['pipelinechannel--{name}_image']}}}}", f"asl-{name}:{images.content_tag(name)}")
        for name in ("data", "train")
    }
    executors = next(yaml.safe_load_all(replaced))["deploymentSpec"]["executors"]
    assert all(":" in one["container"]["image"] and "{{" not in one["container"]["image"] for one in executors.values())


@pytest.fixture
def working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, with files beside it."""
    folder = tmp_path / "working"
    folder.mkdir()
    for name in ("a.zip", "b.zip", "signing.pem", "unnamed"):
        (tmp_path / name).touch()
    monkeypatch.chdir(folder)
    return folder


def test_a_container_can_write_the_working_folder_and_the_store_and_read_what_is_named(
    working: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = working.parent
    monkeypatch.setenv("ASL_SIGNING_KEY", str(beside / "signing.pem"))
    named = ["data=mix", f"data.path=ann={beside}/a.zip,bob={beside}/b.zip,synthetic", "seed=3"]
    given = docker_runner.options(named, str(beside / "store"))
    may_write = {one["Source"]: not one["ReadOnly"] for one in given["mounts"] if one["Source"].startswith(str(beside))}
    names = {Path(path).name: write for path, write in may_write.items()}
    assert names == {"working": True, "store": True, "a.zip": False, "b.zip": False, "signing.pem": False}
    assert given["working_dir"] == str(working)


def test_a_step_runs_as_the_user_with_the_variables_that_steps_heed(
    working: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "https_proxy", "ASL_TRITON_ENV", "PYTHONPATH"):
        monkeypatch.setenv(name, "value")
    given = docker_runner.options([], "s3://models")
    assert given["user"] == f"{os.getuid()}:{os.getgid()}"
    assert {"MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "https_proxy"} <= given["environment"].keys()
    assert not {"ASL_TRITON_ENV", "PYTHONPATH", "HOME", "PATH"} & given["environment"].keys()
    assert given["read_only"]


def test_where_no_docker_answers_the_run_says_so(working: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{working}/none.sock")
    with pytest.raises(AslError, match="no Docker answers.*runner=process"):
        pipeline.run(["runner=docker"], working / "runs")
