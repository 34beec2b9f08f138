"""Is a request lost while the model is replaced? Needs a cluster on which `asl deploy` has let two releases serve.

python -m benchmarks.rollout store=s3://BUCKET/PREFIX [deploy.namespace=asl] [--replacements 100] [--state FILE]

A pod beside the predictors (rollout_load.py) asks five times a second through the predictor's Service, while the two
releases take turns by `asl deploy --rollback`, each in the full order with a candidate and the golden set. After every
replacement the counts go to the state file; another run goes on from there.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asl_pkg import contract, deploy, files
from asl_pkg.config import Settings
from asl_pkg.settings import load

RATE = 5.0  # requests a second
NAMESPACE = "asl-rollout-load"  # of the pod that asks; the label lets it through the NetworkPolicies
POD = "load"
SCRIPT = Path(__file__).parent / "rollout_load.py"


@dataclasses.dataclass
class State:
    """What was counted so far."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, seconds: float, counts: dict[str, int]) -> None:
        """Add one replacement."""
        self.seconds.append(round(seconds, 1))
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """What kubectl wrote."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def triton_image(namespace: str) -> str:
    """The image of the ServingRuntime: it is on the nodes and has Python."""
    path = "jsonpath={.spec.containers[0].image}"
    return kubectl("-n", namespace, "get", "servingruntime", contract.SERVING_RUNTIME, "-o", path)


@contextmanager
def asking(namespace: str) -> Iterator[None]:
    """A pod that asks."""
    url = f"http://{contract.KUBERNETES_NAME}-predictor.{namespace}"
    container = {
        "name": POD,
        "image": triton_image(namespace),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", SCRIPT.read_text(), url, str(RATE)],
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


def counted() -> dict[str, int]:
    """What the pod has counted so far."""
    lines = kubectl("-n", NAMESPACE, "logs", POD, "--tail=1").splitlines()
    return {name: int(number) for name, number in json.loads(lines[-1]).items()} if lines else {}


def replace(settings: Settings) -> float:
    """Let the release that served before serve; how long that took, in seconds."""
    started = time.monotonic()
    deploy.rollback(settings)
    return time.monotonic() - started


def run(settings: Settings, replacements: int, path: Path) -> State:
    """Replace the model until it has been replaced so many times, earlier runs included."""
    state = State(**json.loads(path.read_text())) if path.exists() else State()
    with asking(settings.deploy.namespace):
        time.sleep(2)
        before: dict[str, int] = {}
        while len(state.seconds) < replacements:
            seconds = replace(settings)
            now = counted()
            state.add(seconds, {name: number - before.get(name, 0) for name, number in now.items()})
            before = now
            files.write_json(path, dataclasses.asdict(state))
            print(f"{len(state.seconds)} of {replacements}: {seconds:.0f} s, {state.counts}", flush=True)
    return state


def main() -> None:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="+", help="settings of `asl deploy`, store=s3://… at least")
    parser.add_argument("--replacements", type=int, default=100)
    parser.add_argument("--state", type=Path, default=Path("rollout.json"))
    arguments = parser.parse_args()
    state = run(load(Settings, arguments.settings), arguments.replacements, arguments.state)
    print(f"\n| replacements | median time | {' | '.join(state.counts)} |")
    print(f"|---|---|{'---|' * len(state.counts)}")
    numbers = " | ".join(f"{number:,}" for number in state.counts.values())
    print(f"| {len(state.seconds)} | {statistics.median(state.seconds):.0f} s | {numbers} |")


if __name__ == "__main__":
    main()
