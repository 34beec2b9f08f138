"""`asl serve` with its page as a user sees it: the transformer starts and ends with Triton, and leaves nothing."""

import base64
import contextlib
import http.client
import io
import json
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.serving.ports import free_ports
from tests.support.serve import start_serve
from tests.test_serve import all_gone, lines_until

START_S = 120
REQUEST_ID = "f00dcafe"
SETTINGS = ("http_port", "grpc_port", "metrics_port", "serve.page_port")

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def ports() -> list[int]:
    return free_ports("127.0.0.1", [18400, 18410, 18420, 18430])


@pytest.fixture
def start(tmp_path: Path, chart_cache: Path, ports: list[int]) -> Iterator[Start]:
    """Start `asl serve` in an empty folder."""
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache/chart").symlink_to(chart_cache)
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        settings = [f"{name}={port}" for name, port in zip(SETTINGS, ports, strict=True)]
        process = start_serve(tmp_path, *settings, *arguments)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def transformer_of(process: subprocess.Popen[str]) -> psutil.Process:
    (found,) = [child for child in family(process) if "asl_pkg.serving.transformer" in child.cmdline()]
    return found


def files(folder: Path) -> set[Path]:
    """What a server has written, without the cache that stays."""
    return {path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts}


def letter(url: str) -> dict[str, object]:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "navy").save(file, "PNG")
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(file.getvalue()).decode()],
    }
    body = json.dumps({"id": REQUEST_ID, "inputs": [tensor]}).encode()
    asked = urllib.request.Request(f"{url}v2/models/{contract.MODEL_NAME}/infer", body)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return {output["name"]: output["data"] for output in json.load(answer)["outputs"]}


def test_the_first_line_is_the_address_of_a_page_that_reads_images_and_ctrl_c_leaves_nothing(
    start: Start, bundle: Bundle, ports: list[int], tmp_path: Path
) -> None:
    process = start(str(bundle.folder))
    assert process.stdout
    assert f"http://127.0.0.1:{ports[3]}/ " in process.stdout.readline()
    lines_until(process, "log")
    url = f"http://127.0.0.1:{ports[3]}/"
    with urllib.request.urlopen(url, timeout=30) as page:
        assert b"<html" in page.read()
    with urllib.request.urlopen(f"{url}page/chart/A.webp", timeout=30) as image:
        assert image.headers["Content-Type"] == "image/webp"
    before = files(tmp_path)
    assert letter(url)["release"] == [bundle.release]
    assert files(tmp_path) == before, "nothing of a request is stored"
    (log,) = tmp_path.glob("*/transformer.log")
    assert not any(word in log.read_text() for word in (REQUEST_ID, "infer", "iVBOR")), "nor logged"
    addresses = {connection.laddr.ip.removeprefix("::ffff:") for connection in transformer_of(process).connections()}
    assert addresses == {"127.0.0.1"}
    processes = family(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert all_gone(processes)
    assert {path.name for path in tmp_path.iterdir()} == {".cache"}


def test_it_can_be_left_out(start: Start, bundle: Bundle, ports: list[int]) -> None:
    process = start(str(bundle.folder), "serve.page=false")
    assert str(ports[3]) not in lines_until(process, "log")
    assert not any("asl_pkg.serving.transformer" in child.cmdline() for child in family(process))


def test_a_taken_port_of_the_page_moves_it_and_is_named(start: Start, bundle: Bundle, ports: list[int]) -> None:
    with socket.create_server(("127.0.0.1", ports[3])):
        process = start(str(bundle.folder))
        said = lines_until(process, "log")
    assert f"instead of {ports[3]}" in said
    assert f"http://127.0.0.1:{ports[3]}/ " not in said


def test_when_the_page_s_server_dies_it_is_one_line_and_all_ends(start: Start, bundle: Bundle) -> None:
    process = start(str(bundle.folder))
    lines_until(process, "log")
    processes = family(process)
    transformer_of(process).kill()
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    (line,) = said.splitlines()
    assert "page's server exited by itself" in line
    assert Path(line.partition("see ")[2].partition(";")[0]).is_file(), "the log that it names"
    assert all_gone(processes)


@pytest.mark.parametrize("victim", ["asl", "tritonserver"])
def test_no_process_is_left_when_another_is_killed(start: Start, bundle: Bundle, victim: str) -> None:
    process = start(str(bundle.folder))
    lines_until(process, "log")
    processes = family(process)
    if victim == "asl":
        process.kill()
    else:
        next(child for child in processes if child.name() == victim).kill()
        process.wait(30)
    assert all_gone(processes)


def test_ctrl_c_while_the_page_s_server_starts_leaves_nothing(start: Start, bundle: Bundle, tmp_path: Path) -> None:
    process = start(str(bundle.folder))
    deadline = time.monotonic() + START_S
    while not list(tmp_path.glob("*/transformer.log")) and time.monotonic() < deadline:
        time.sleep(0.01)
    processes = family(process)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    assert all_gone(processes)
    assert {path.name for path in tmp_path.iterdir()} == {".cache"}


@pytest.mark.parametrize(
    ("setting", "word"),
    [("serve.cors_origins=example.org", "SCHEME://HOST"), ("serve.page_port=0", "1 to 65,535")],
)
def test_a_wrong_setting_is_one_line_before_anything_starts(
    start: Start, bundle: Bundle, tmp_path: Path, setting: str, word: str
) -> None:
    said, _ = start(str(bundle.folder), setting).communicate(timeout=START_S)
    assert said.count("\n") == 1
    assert word in said
    assert {path.name for path in tmp_path.iterdir()} == {".cache"}


def allowed_origin(port: int) -> str | None:
    """What a page of example.org is told, once the server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/v2", headers={"Origin": "https://example.org"})
        return connection.getresponse().headers["Access-Control-Allow-Origin"]


def test_named_origins_may_ask_the_transformer(start: Start, bundle: Bundle, ports: list[int]) -> None:
    lines_until(start(str(bundle.folder), "serve.cors_origins=https://example.org"), "log")
    assert allowed_origin(ports[3]) == "https://example.org"


def test_where_nothing_can_be_written_the_page_is_served_without_a_chart(
    start: Start, bundle: Bundle, ports: list[int], tmp_path: Path
) -> None:
    (tmp_path / ".cache/chart").unlink()
    (tmp_path / ".cache/chart").write_text("in the way")
    process = start(str(bundle.folder))
    assert "no alphabet chart" in lines_until(process, "log")
    with urllib.request.urlopen(f"http://127.0.0.1:{ports[3]}/", timeout=30) as page:
        assert page.status == http.HTTPStatus.OK


def test_kserves_own_server_says_that_it_has_no_page_and_named_origins_may_ask_it(
    start: Start, bundle: Bundle, ports: list[int]
) -> None:
    process = start(str(bundle.folder), "engine=kserve", "serve.cors_origins=https://example.org")
    assert "no page" in lines_until(process, "gRPC")
    assert allowed_origin(ports[0]) == "https://example.org"
