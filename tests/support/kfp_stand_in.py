"""A small HTTP server that speaks as much of Kubeflow Pipelines' v2beta1 API as kfp's client calls for a run.

It runs nothing: a test says what it shall answer. On the same port it answers as a Kubernetes API server and as an
image registry, where `asl pipeline submit` asks them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from asl_pkg.orchestration.form import STEP_TITLES

RUN = "11111111-2222-3333-4444-555555555555"
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: stand-in
clusters: [{{name: stand-in, cluster: {{server: "{url}"}}}}]
users: [{{name: nobody, user: {{}}}}]
contexts: [{{name: stand-in, context: {{cluster: stand-in, user: nobody}}}}]
"""


class StandIn:
    """What it has, and what it was sent.

    Args:
        server: that answers.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.runs: list[dict[str, Any]] = []  # submitted
        self.schedules: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []  # uploaded
        self.states: list[dict[str, Any]] = []  # of the run: one a look at it, the last one stays
        self.objects: set[str] = set()  # KIND/NAME in Kubernetes
        self.pods: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.log = ""
        self.page = ""  # in place of every answer, as a login page stands in front of all addresses
        self.images: dict[str, str] = {}  # REPOSITORY:TAG and its digest

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON, or text."""
        if self.page:
            return 200, self.page
        match method, path.strip("/").split("/"):
            case "GET", ["apis", "v2beta1", "healthz"]:
                return 200, {"multi_user": False}
            case "GET", ["apis", "v2beta1", "experiments"]:
                return 200, {}
            case "POST", ["apis", "v2beta1", "experiments"]:
                return 200, body | {"experiment_id": "experiment"}
            case "GET", ["apis", "v2beta1", "pipelines"]:
                return 200, {"pipelines": [{"pipeline_id": "asl"}]} if self.versions else {}
            case "POST", ["apis", "v2beta1", "pipelines"]:
                return 200, body | {"pipeline_id": "asl"}
            case "GET", ["apis", "v2beta1", "pipelines", "asl", "versions"]:
                return 200, {"pipeline_versions": self.versions}
            case "POST", ["apis", "v2beta1", "pipelines", "upload_version"]:
                self.versions.append(body | {"pipeline_id": "asl", "pipeline_version_id": str(len(self.versions))})
                return 200, self.versions[-1]
            case "POST", ["apis", "v2beta1", "runs"]:
                self.runs.append(self._with_pipeline(body))
                return 200, {"run_id": RUN}
            case "GET", ["apis", "v2beta1", "runs", _]:
                return 200, self.states.pop(0) if len(self.states) > 1 else self.states[0]
            case "POST", ["apis", "v2beta1", "recurringruns"]:
                self.schedules.append(self._with_pipeline(body))
                return 200, {"recurring_run_id": "schedule"}
            case "GET", ["api", "v1", "namespaces", _, "pods"]:
                return 200, {"items": self.pods}
            case "GET", ["api", "v1", "namespaces", _, "events"]:
                return 200, {"items": self.events}
            case "GET", ["api", "v1", "namespaces", _, "pods", _, "log"]:
                return 200, self.log
            case "GET", ["api", "v1", "namespaces", _, kind, name] if f"{kind}/{name}" in self.objects:
                return 200, {"metadata": {"name": name}}
            case "HEAD", ["v2", *repository, "manifests", tag] if f"{'/'.join(repository)}:{tag}" in self.images:
                return 200, {}
        return 404, {"message": f"{path} not found"}

    def _with_pipeline(self, sent: dict[str, Any]) -> dict[str, Any]:
        """What was sent, with the content of the version that it names."""
        version = self.versions[int(sent["pipeline_version_reference"]["pipeline_version_id"])]
        return sent | {"pipeline_spec": version["content"]}


def uploaded(query: str, form: bytes) -> dict[str, Any]:
    """The version in an upload: a form with one file, and the rest in the query."""
    text = form.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0].decode()
    spec, platform = yaml.safe_load_all(text)
    said = dict(parse_qsl(query))
    content = {"pipeline_spec": spec, "platform_spec": platform}
    return {"display_name": said["name"], "description": said.get("description", ""), "content": content}


@contextmanager
def stand_in_for_kfp(folder: Path) -> Iterator[StandIn]:
    """Run it; its KUBECONFIG lies in `folder`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            form = self.headers.get("Content-Type", "").startswith("multipart/")
            body = uploaded(address.query, sent) if form else json.loads(sent or "null")
            status, answer = there.answer(self.command, address.path, body)
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            if self.command == "HEAD" and status == 200:
                self.send_header("Docker-Content-Digest", next(iter(there.images.values())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there = StandIn(server)
        (folder / "kubeconfig").write_text(KUBECONFIG.format(url=there.url))
        Thread(target=server.serve_forever, daemon=True).start()
        yield there
        server.shutdown()


def run_state(state: str, **steps: str) -> dict[str, Any]:
    """A run as KFP shows it, with the states of some steps."""
    tasks = [{"display_name": STEP_TITLES.get(name, name), "state": found} for name, found in steps.items()]
    return {"run_id": RUN, "state": state, "run_details": {"task_details": tasks}}


def pod(name: str, step: str, phase: str, created: str, exit_code: int = 1, reason: str = "Error") -> dict[str, Any]:
    """A pod of a step, as Argo names and labels the first attempt of one that may be tried again."""
    annotations = {"workflows.argoproj.io/node-name": f"asl-x.root.steps.{step}(0).executor"}
    metadata = {"name": name, "annotations": annotations, "creationTimestamp": created}
    main = {"name": "main", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    if phase == "Failed":
        main["state"] = {"terminated": {"exitCode": exit_code, "reason": reason}}
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": [main]}}
