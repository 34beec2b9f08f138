"""`asl serve` as a user sees it: a real Triton starts, answers, and stops without a trace."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.errors import ServingError
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton import local
from asl_pkg.serving.triton.environment import TritonEnvironment
from asl_pkg.serving.triton.local import SHARED_MEMORY, LocalTriton
from tests.support.serve import start_serve
from tests.support.tiny import make_bundle

PORTS = ["http_port=18200", "grpc_port=18210", "metrics_port=18220", "serve.page=false"]  # the page: serving/page
START_S = 60

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `asl serve` and return when it has said where it answers."""
    with contextlib.ExitStack() as ends:

        def run(*arguments: str) -> subprocess.Popen[str]:
            process = start_serve(tmp_path, *PORTS, *arguments)
            ends.callback(process.kill)
            return process

        yield run


def lines_until(process: subprocess.Popen[str], word: str) -> str:
    """What the process prints up to the line with a word."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if word in line:
            return said
    raise AssertionError(f"it ended without saying {word}: {said}")


def shared_memory(said: str) -> list[Path]:
    """The regions of the server whose log a line names."""
    found = re.search(r"([\w-]+)/triton\.log", said)
    assert found
    return list(SHARED_MEMORY.glob(f"{found[1]}*"))


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=15)[1]


def test_it_serves_until_sigterm_and_leaves_nothing_behind(start: Start, bundle: Bundle, tmp_path: Path) -> None:
    process = start(str(bundle.folder))
    said = lines_until(process, "log")
    assert bundle.release in said
    assert re.search(r"ready in \d\.\d s", said), "ten seconds or more would have two digits"
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 3, "the server and two copies of the model"
    assert shared_memory(said)
    process.terminate()
    assert process.wait(20) == 0
    assert all_gone(family)
    assert not shared_memory(said)
    assert not list(tmp_path.iterdir())


def test_no_process_is_left_when_it_is_killed(start: Start, bundle: Bundle) -> None:
    process = start(str(bundle.folder))
    said = lines_until(process, "log")
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert all_gone(family)
    assert not shared_memory(said)


def test_when_triton_dies_it_says_so_and_exits_1(start: Start, bundle: Bundle) -> None:
    process = start(str(bundle.folder))
    said = lines_until(process, "log")
    family = psutil.Process(process.pid).children(recursive=True)
    family[0].kill()
    assert "Triton exited by itself" in lines_until(process, "asl: ")
    assert process.wait(20) == 1
    assert all_gone(family)
    assert not shared_memory(said)


def test_a_request_that_is_under_way_is_answered_before_the_server_ends(bundle: Bundle, pixels: np.ndarray) -> None:
    with ThreadPoolExecutor() as pool, LocalTriton(bundle, "127.0.0.1", 18200, 18210, 18220) as server:
        copies = psutil.Process(server.pid).children()
        for copy in copies:
            copy.suspend()
        asked = pool.submit(Client(server.http_url).predict, pixels[:1])
        time.sleep(0.3)
        for copy in copies:
            threading.Timer(0.3, copy.resume).start()
    np.testing.assert_allclose(asked.result(), predict(open_session(bundle.model_path), pixels[:1]), atol=1e-6)


def test_ctrl_c_while_triton_starts_leaves_nothing_behind(start: Start, bundle: Bundle, tmp_path: Path) -> None:
    process = start(str(bundle.folder))
    parent = psutil.Process(process.pid)
    deadline = time.monotonic() + START_S
    while not (family := parent.children(recursive=True)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert family
    assert all_gone(family)
    assert not list(tmp_path.iterdir())


def test_a_taken_port_moves_that_port_alone_and_ctrl_c_leaves_nothing_behind(
    start: Start, bundle: Bundle, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 18200)):
        process = start(str(bundle.folder))
        said = lines_until(process, "metrics")
    assert "18201 instead of 18200" in said
    assert "grpc://127.0.0.1:18210" in said
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert all_gone(family)
    assert not list(tmp_path.iterdir())


def test_a_damaged_bundle_is_one_line_that_says_what_is_damaged(tmp_path: Path, start: Start) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    with bundle.model_path.open("r+b") as file:
        file.write(b"damage")
    process = start(str(bundle.folder))
    said, _ = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert said.count("\n") == 1
    assert "changed repository/asl_model/1/model.onnx" in said


def test_without_any_bundle_it_names_the_command_that_makes_one(start: Start) -> None:
    said, _ = start().communicate(timeout=START_S)
    assert "`asl export`" in said


def test_without_tritons_environment_it_names_the_command_that_installs_it(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ASL_TRITON_ENV", str(tmp_path))
    with pytest.raises(ServingError, match="make install"), LocalTriton(bundle):
        pass


def test_a_bytecode_cache_is_no_part_of_the_backend(tmp_path: Path) -> None:
    folder = tmp_path / "lib/python3.11/site-packages/pytriton/tritonserver/backends/python"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "libtriton_python.so").touch()
    environment = TritonEnvironment(tmp_path, tmp_path / "lib/python3.11/site-packages", tmp_path)
    names = [path.name for path in environment.python_backend]
    assert names == ["libtriton_python.so", "triton_python_backend_stub"]


def test_on_another_platform_it_names_the_other_engine(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(ServingError, match="engine=kserve"), LocalTriton(bundle):
        pass


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"], ids=["no address", "of another machine"])
def test_a_host_that_cannot_be_listened_on_is_refused_by_name_and_leaves_nothing(
    host: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ServingError, match=host), LocalTriton(bundle, host):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "path",
    ["v2/repository/index", f"v2/repository/models/{contract.MODEL_NAME}/load", "v2/repository/models/other/load"],
)
def test_nobody_may_load_a_model_over_http(server: LocalTriton, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", f"/{path}", json.dumps({"parameters": {"config": "{}"}}))
        assert connection.getresponse().status == http.HTTPStatus.FORBIDDEN


def test_nobody_may_load_a_model_or_map_memory_over_grpc(server: LocalTriton) -> None:
    client = tritonclient.grpc.InferenceServerClient(server.grpc_url.removeprefix("grpc://"))
    with contextlib.closing(client):
        for ask in (
            lambda: client.load_model("other", config="{}"),
            lambda: client.unload_model(contract.MODEL_NAME),
            lambda: client.register_system_shared_memory("region", "/region", 8),
        ):
            with pytest.raises(InferenceServerException, match="restricted"):
                ask()


def test_kserves_own_server_answers_the_same_by_choice(start: Start, bundle: Bundle, pixels: np.ndarray) -> None:
    process = start(str(bundle.folder), "engine=kserve")
    lines_until(process, "gRPC")
    expected = predict(open_session(bundle.model_path), pixels[:3])
    for url in ("http://127.0.0.1:18200", "grpc://127.0.0.1:18210"):
        with contextlib.closing(Client(url)) as client:
            np.testing.assert_allclose(client.predict(pixels[:3]), expected, atol=1e-6)
            assert client.release == bundle.release
            with pytest.raises(ServingError, match="confidence_threshold=NUMBER"):
                _ = client.confidence_threshold
            with pytest.raises(ServingError):
                client.predict(pixels[:1, :100])
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.parametrize("bad", ["a blank", "missing"])
def test_where_the_folder_for_temporary_files_does_not_do_triton_gets_another(
    bad: str, tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / bad
    if bad == "a blank":
        folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with LocalTriton(bundle, http_port=18040, grpc_port=18041, metrics_port=18042) as server:
        assert not server.log.is_relative_to(folder)
    monkeypatch.setattr(local, "SCRATCH", ())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "with a blank").mkdir()
    monkeypatch.chdir(tmp_path / "with a blank")
    with pytest.raises(ServingError, match="TMPDIR"), LocalTriton(bundle):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_folder_mounted_noexec_is_left_alone(tmp_path: Path, bundle: Bundle) -> None:
    mounted = tmp_path / "noexec"
    mounted.mkdir()
    code = "from asl_pkg.serving.triton.local import _scratch; print(_scratch())"
    command = f'mount -t tmpfs -o noexec tmpfs {mounted} && TMPDIR={mounted} exec {sys.executable} -c "{code}"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", command], capture_output=True, text=True)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("this container may not mount")
    assert done.stdout.strip() not in ("", str(mounted)), done.stderr
