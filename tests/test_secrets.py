"""A run with passwords and signatures in its URLs leaves none of them behind."""

import base64
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asl_pkg import urls
from asl_pkg.lineage import tracking
from tests.conftest import PROJECT, Asl
from tests.support.archives import zipped
from tests.support.making import public_files

PASSWORD, SIGNATURE, MLFLOW_PASSWORD = "pw-of-the-data", "signature-of-the-data", "pw-of-mlflow"
SMALL = ["data.block_frames=2", "data.guard_frames=0", "trainer.max_epochs=1", "model=baseline", "model.width=4"]


class Guarded(BaseHTTPRequestHandler):
    """Gives an archive to who has both the password and the signature."""

    content = b""

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
        allowed = self.headers.get("Authorization") == expected and f"X-Amz-Signature={SIGNATURE}" in self.path
        self.send_response(200 if allowed else 403)
        self.send_header("Content-Length", str(len(self.content) if allowed else 0))
        self.end_headers()
        if allowed:
            self.wfile.write(self.content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    archive = zipped(tmp_path_factory.mktemp("site") / "asl.zip", dict(public_files(9)))
    handler = type("Handler", (Guarded,), {"content": archive.read_bytes()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://ann:{PASSWORD}@127.0.0.1:{server.server_port}/asl.zip?X-Amz-Signature={SIGNATURE}"
        server.shutdown()


def secrets_in(*texts: bytes) -> list[str]:
    planted = (PASSWORD, SIGNATURE, MLFLOW_PASSWORD)
    return [secret for secret in planted for text in texts if secret.encode() in text]


def everything_below(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_pipeline_that_pulls_from_a_secret_url_writes_it_nowhere(asl: Asl, url: str, tmp_path: Path) -> None:
    server = f"http://ann:{MLFLOW_PASSWORD}@127.0.0.1:9"  # nobody listens there: the training fails, and says so
    environment = os.environ | {"MLFLOW_TRACKING_URI": server, "PYTHONPATH": str(PROJECT)}
    done = asl("pipeline", "run", "data=http", f"data.path={url}", *SMALL, env=environment)
    assert done.returncode == 1
    assert "no MLflow server answers" in done.stderr  # so pull had what it needs
    assert not secrets_in(done.stdout.encode(), done.stderr.encode(), *everything_below(tmp_path))


def test_a_training_tells_mlflow_no_secret(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with tracking.tracked("baseline", {"data.path": url}):
        pass
    kept = everything_below(tmp_path)
    assert secrets_in(*kept) == []
    assert any(urls.public(url).encode() in text for text in kept)


def test_a_refused_url_is_named_without_its_secrets_also_in_a_traceback(asl: Asl, url: str, tmp_path: Path) -> None:
    wrong = url.replace("X-Amz-Signature", "signature").replace("asl.zip", "nothing.zip")
    done = asl("pull", f"data={wrong}", "--debug", env=os.environ | {"PYTHONPATH": str(PROJECT)})
    assert done.returncode == 1
    assert "nothing.zip" in done.stderr
    assert not secrets_in(done.stdout.encode(), done.stderr.encode(), *everything_below(tmp_path))


def test_user_and_password_of_the_server_become_mlflows_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:{MLFLOW_PASSWORD}@mlflow.example")
    assert tracking.uri() == os.environ["MLFLOW_TRACKING_URI"] == "http://mlflow.example"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == MLFLOW_PASSWORD
