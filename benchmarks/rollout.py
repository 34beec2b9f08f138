"""Is a request lost while the model is replaced, or while pods are killed? Needs a cluster with two deployed releases.

python -m benchmarks.rollout store=s3://BUCKET/PREFIX [deploy.namespace=asl] [--times 100] [--kill] [--state FILE]

A pod (rollout_load.py) asks five times a second through the predictor's Service and, where there is one, through the
transformer's. Meanwhile the two releases take turns by `asl deploy --rollback`, each in the full order with a candidate
and the golden set; or, with --kill, the pods that serve are deleted one by one without a moment's grace, the next one
10 s after all are ready again. After every turn the counts go to the state file; another run goes on from there.
"""

import argparse
import base64
import dataclasses
import io
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from asl_pkg import contract, deploy
from asl_pkg.config.load import load
from asl_pkg.config.schema import Settings
from asl_pkg.storage import atomic
from benchmarks.rollout_load import SIDE

RATE = 5.0  # requests a second
NAMESPACE = "asl-rollout-load"  # of the pod that asks; the label lets it through the NetworkPolicies
POD = "load"
SCRIPT = Path(__file__).parent / "rollout_load.py"
RECOVERY_S = 300.0
SETTLE_S = 10.0  # from ready pods to the next one killed: until every transformer knows of the new one, see README

Counts = dict[str, dict[str, int]]


@dataclasses.dataclass
class State:
    """What was counted so far, by server."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    counts: Counts = dataclasses.field(default_factory=dict)

    def add(self, seconds: float, counts: Counts, before: Counts) -> None:
        """Add one turn: counts at its end, and at the end of the one before."""
        self.seconds.append(round(seconds, 1))
        for server, numbers in counts.items():
            total = self.counts.setdefault(server, {})
            for name, number in numbers.items():
                total[name] = total.get(name, 0) + number - before.get(server, {}).get(name, 0)


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """What kubectl wrote."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def serving_pods(namespace: str) -> list[Any]:
    """Pods of predictor and transformer, the oldest first."""
    label = f"serving.kserve.io/inferenceservice={contract.KUBERNETES_NAME}"
    found = kubectl("-n", namespace, "get", "pods", "-l", label, "--sort-by=.metadata.creationTimestamp", "-o", "json")
    return list(json.loads(found)["items"])


def load_arguments(namespace: str) -> list[str]:
    """Whom the pod asks, and what."""
    url = f"http://{contract.KUBERNETES_NAME}-{{}}.{namespace}"
    arguments = [str(RATE), url.format("predictor")]
    if any(pod["metadata"]["labels"]["component"] == "transformer" for pod in serving_pods(namespace)):
        file = io.BytesIO()
        Image.new("RGB", (SIDE, SIDE), "gray").save(file, "PNG")
        arguments += [url.format("transformer"), base64.b64encode(file.getvalue()).decode()]
    return arguments


@contextmanager
def asking(namespace: str) -> Iterator[None]:
    """A pod that asks; Triton's image has Python and is on the nodes."""
    image = "jsonpath={.spec.containers[0].image}"
    container = {
        "name": POD,
        "image": kubectl("-n", namespace, "get", "servingruntime", contract.SERVING_RUNTIME, "-o", image),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", SCRIPT.read_text(), *load_arguments(namespace)],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "allowPrivilegeEscalation": False},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
    objects = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": {"asl/clients": "true"}},
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": POD, "namespace": NAMESPACE},
            "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0},
        },
    ]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    try:
        kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=120s")
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE)


def counted() -> Counts:
    """What the pod has counted so far."""
    lines = kubectl("-n", NAMESPACE, "logs", POD, "--tail=1").splitlines()
    return dict(json.loads(lines[-1])) if lines else {}


def kill(settings: Settings) -> None:
    """Delete the oldest pod and wait until as many as before are ready."""
    namespace = settings.deploy.namespace
    before = serving_pods(namespace)
    kubectl("-n", namespace, "delete", "pod", before[0]["metadata"]["name"], "--grace-period=0", "--force")
    deadline = time.monotonic() + RECOVERY_S
    while sum(map(ready, serving_pods(namespace))) < len(before):
        if time.monotonic() > deadline:
            raise SystemExit(f"after {RECOVERY_S:.0f} s fewer pods are ready than before")
        time.sleep(0.5)


def ready(pod: Any) -> bool:
    """Does a pod get requests?"""
    conditions = {condition["type"]: condition["status"] for condition in pod["status"].get("conditions", ())}
    return "deletionTimestamp" not in pod["metadata"] and conditions.get("Ready") == "True"


def run(settings: Settings, turns: int, killing: bool, path: Path) -> State:
    """Take turns until there were so many, earlier runs included."""
    state = State(**json.loads(path.read_text())) if path.exists() else State()
    with asking(settings.deploy.namespace):
        time.sleep(2)
        before: Counts = {}
        while len(state.seconds) < turns:
            started = time.monotonic()
            (kill if killing else deploy.rollback)(settings)
            seconds, now = time.monotonic() - started, counted()
            state.add(seconds, now, before)
            before = now
            atomic.write_json(path, dataclasses.asdict(state))
            print(f"{len(state.seconds)} of {turns}: {seconds:.0f} s, {state.counts}", flush=True)
            time.sleep(SETTLE_S if killing else 0)
    return state


def main() -> None:
    """Run, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="+", help="settings of `asl deploy`, store=s3://… at least")
    parser.add_argument("--times", type=int, default=100, help="how often a release is replaced, or a pod killed")
    parser.add_argument("--kill", action="store_true", help="kill pods instead of replacing the release")
    parser.add_argument("--state", type=Path, default=Path("rollout.json"))
    arguments = parser.parse_args()
    state = run(load(Settings, arguments.settings), arguments.times, arguments.kill, arguments.state)
    turns = f"{len(state.seconds)} {'pods killed' if arguments.kill else 'replacements'}"
    print(f"\n{turns}: {statistics.median(state.seconds):.0f} s each (median), {max(state.seconds):.0f} s at most")
    for server, numbers in state.counts.items():
        print(f"{server}: {', '.join(f'{number:,} {name}' for name, number in numbers.items())}")


if __name__ == "__main__":
    main()
