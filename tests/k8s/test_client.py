"""The client of the API server: which token it sends, and its error if that is refused (by a stand-in server)."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from asl_pkg import contract
from asl_pkg.errors import ServingError
from asl_pkg.k8s.client import Cluster


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that answers as an API server does to an expired token."""

    class Refusal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(json.dumps({"kind": "Status", "message": "Unauthorized", "code": 401}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    config = {
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": address}}],
        "users": [{"name": "it", "user": {"token": "old"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_mounted_token_is_sent_without_the_newline_that_echo_puts_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    (tmp_path / "token").write_text(f"abc.def.ghi{ending}")
    (tmp_path / "ca.crt").write_text("a certificate")
    monkeypatch.setattr(contract, "DEPLOYER_FOLDER", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr("kubernetes.client.rest.RESTClientObject.__init__", lambda *_: None)  # it reads the certificate
    sent = Cluster("asl")._api.configuration.get_api_key_with_prefix("authorization")
    assert sent == "bearer abc.def.ghi"


@pytest.mark.usefixtures("refusing")
def test_an_expired_token_is_named_as_the_cause() -> None:
    with pytest.raises(ServingError, match="token has expired"):
        Cluster("asl").get("asl-model")
