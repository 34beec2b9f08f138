"""Steps in containers have the same access to this machine as a process, and no more."""

import os
from pathlib import Path

import pytest

from asl_pkg import pipeline
from asl_pkg.errors import AslError
from asl_pkg.orchestration import docker_runner


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
    may_write = {
        mount["Source"]: not mount["ReadOnly"] for mount in given["mounts"] if mount["Source"].startswith(str(beside))
    }
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
    with pytest.raises(AslError, match="Docker does not answer.*runner=process"):
        pipeline.run(["runner=docker"], working / "runs")
