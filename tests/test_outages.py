"""A step on Kubernetes waits for S3, MLflow and the API server that are away; a command here does not."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from asl_pkg import outages
from asl_pkg.errors import AslError, DataError, ServingError
from asl_pkg.k8s.client import Cluster
from asl_pkg.lineage.tracking import check_tracking
from asl_pkg.storage import s3
from tests.support.s3_server import free_ports

AWAY_S = 0.6


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port on which nothing listens yet, and a step that looks again soon."""
    for module in (outages, s3):
        monkeypatch.setattr(module, "PAUSE_S", 0.1)
        monkeypatch.setattr(module, "OUTAGE_S", 3.0)
    (free,) = free_ports(1)
    return free


@pytest.fixture
def back_later(port: int) -> Iterator[None]:
    """A server that comes back after AWAY_S and finds everything good."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    servers: list[HTTPServer] = []

    def serve() -> None:
        time.sleep(AWAY_S)
        servers.append(HTTPServer(("127.0.0.1", port), Answer))
        servers[0].serve_forever()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    while not servers:
        time.sleep(0.01)
    servers[0].shutdown()
    servers[0].server_close()
    thread.join()


@pytest.fixture(params=["S3", "MLflow", "API server"])
def call(
    request: pytest.FixtureRequest, port: int, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], object]:
    """Ask the server, as the steps do."""
    url = f"http://127.0.0.1:{port}"
    if request.param == "S3":
        for name, value in (("ENDPOINT_URL", url), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")):
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return lambda: s3.has_bucket(s3.s3_client(), "models")
    if request.param == "MLflow":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        return check_tracking
    config = tmp_path_factory.mktemp("kube") / "config"
    config.write_text(
        "{current-context: it, contexts: [{name: it, context: {cluster: it, user: it}}], users: [{name: it, user: {}}]"
        f", clusters: [{{name: it, cluster: {{server: '{url}'}}}}]}}"
    )
    monkeypatch.setenv("KUBECONFIG", str(config))
    return lambda: Cluster("asl").get("asl-model")


@pytest.mark.usefixtures("back_later")
def test_a_step_goes_on_once_the_server_is_back_and_says_that_it_waited(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    call()
    assert capsys.readouterr().err.count("does not answer; trying again") == 1


def test_a_step_gives_up_in_the_end(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises((AslError, DataError, ServingError)):
        call()


def test_a_command_on_this_machine_does_not_wait(
    call: Callable[[], object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises((AslError, DataError, ServingError)):
        call()
    assert "trying again" not in capsys.readouterr().err
