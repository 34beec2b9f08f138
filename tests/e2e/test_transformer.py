"""The transformer on a real cluster: letters for images, load balancing, new predictors, rollouts without a loss.

The image that ASL_E2E_TRANSFORMER_IMAGE names has to be there.
"""

import base64
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.bundle.store import Store
from asl_pkg.config.schema import DeploySettings
from asl_pkg.deployment.kserve import KServeTarget
from asl_pkg.k8s.client import Cluster
from asl_pkg.k8s.port_forward import pod_urls
from tests.e2e.conftest import TRANSFORMER_IMAGE, Kubectl, serving
from tests.support.exported import image, png
from tests.support.transformers import until

pytestmark = pytest.mark.e2e

PREDICTOR, TRANSFORMER = (
    f"deploy/{contract.KUBERNETES_NAME}-predictor",
    f"deploy/{contract.KUBERNETES_NAME}-transformer",
)
LETTER = 2
WAIT_S = 300


@pytest.fixture(scope="module")
def place(namespace: str, stored: Store) -> KServeTarget:
    """Where they are stored and can be switched to."""
    settings = DeploySettings(namespace=namespace, transformer_image=TRANSFORMER_IMAGE, timeout_s=WAIT_S)
    return KServeTarget(stored, Cluster(namespace), settings)


def switch(place: KServeTarget, bundle: Bundle) -> None:
    """Make a release serve, and wait until it does."""
    with place.promote(serving(bundle), place.serving()):
        pass


@pytest.fixture(scope="module")
def url(place: KServeTarget, releases: list[Bundle], kubectl: Kubectl) -> Iterator[str]:
    """Where the transformer answers, the first release behind it."""
    switch(place, releases[0])
    kubectl("-n", place.cluster.namespace, "rollout", "status", TRANSFORMER, f"--timeout={WAIT_S}s")
    (pod,) = pods(place, "transformer")
    with pod_urls(place.cluster, [pod]) as (address,):
        yield address


def pods(place: KServeTarget, component: str) -> list[Any]:
    """Those that are ready and not on their way out."""
    labels = {"serving.kserve.io/inferenceservice": contract.KUBERNETES_NAME, "component": component}
    found = [pod for pod in place.cluster.pods(labels) if pod.metadata.deletion_timestamp is None]
    return [pod for pod in found if any(status.ready for status in pod.status.container_statuses or ())]


def ask(url: str, label: int = LETTER) -> dict[str, Any]:
    """The prediction for one image, in v1."""
    text = base64.b64encode(png(image(label, signer=1))).decode()
    body = json.dumps({"instances": [{"b64": text}]}).encode()
    request = urllib.request.Request(
        f"{url}/v1/models/{contract.MODEL_NAME}:predict", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        (prediction,) = json.load(answer)["predictions"]
    return prediction


def counts(place: KServeTarget, predictors: list[Any]) -> dict[str, int]:
    """How many images each predictor has answered."""
    with pod_urls(place.cluster, predictors) as urls:
        stats = [json.load(urllib.request.urlopen(f"{url}/v2/models/{contract.MODEL_NAME}/stats")) for url in urls]
    answered = [server["model_stats"][0].get("inference_count", 0) for server in stats]
    return {pod.metadata.name: count for pod, count in zip(predictors, answered, strict=True)}


def scale(place: KServeTarget, kubectl: Kubectl, replicas: int) -> list[Any]:
    """Run so many predictors, whose number KServe leaves to others; they, as soon as all are ready."""
    kubectl("-n", place.cluster.namespace, "scale", PREDICTOR, f"--replicas={replicas}")
    found: list[Any] = []

    def complete() -> bool:
        found[:] = pods(place, "predictor")
        return len(found) == replicas

    until(complete, WAIT_S)
    return found


def test_every_letter_is_read_from_its_image(url: str, releases: list[Bundle]) -> None:
    for label, name in enumerate(contract.CLASSES):
        prediction = ask(url, label)
        assert (prediction["letter"], prediction["release"]) == (name, releases[0].release)


def test_the_page_and_its_chart_are_served_beside_the_model(url: str) -> None:
    for path in ("/", "/page/chart/A.webp"):
        with urllib.request.urlopen(f"{url}{path}", timeout=60) as answer:
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_two_predictors_get_half_each_and_a_third_takes_part_within_10_s(
    url: str, place: KServeTarget, kubectl: Kubectl
) -> None:
    two = scale(place, kubectl, 2)
    time.sleep(10)  # by then the second one takes part, which is tested with the third one
    before = counts(place, two)
    for _ in range(50):
        ask(url)
    shares = [(count - before[pod]) / 50 for pod, count in counts(place, two).items()]
    assert all(0.4 <= share <= 0.6 for share in shares), shares

    three, started = scale(place, kubectl, 3), time.monotonic()
    (new,) = [pod for pod in three if pod.metadata.name not in before]
    while time.monotonic() - started < 10:
        ask(url)
    assert counts(place, [new])[new.metadata.name] > 1, "1 is its warm-up"
    scale(place, kubectl, 1)


def test_no_request_is_lost_and_every_answer_tells_its_release_while_releases_change(
    url: str, place: KServeTarget, releases: list[Bundle]
) -> None:
    told = Counter[str]()
    with ThreadPoolExecutor(1) as pool:
        rollout = pool.submit(lambda: [switch(place, releases[number]) for number in (1, 0)])
        while not rollout.done():
            prediction = ask(url)
            assert prediction["letter"] == contract.CLASSES[LETTER]
            told[prediction["release"]] += 1
            time.sleep(0.1)
        rollout.result()
    assert set(told) == {bundle.release for bundle in releases}
    time.sleep(10)  # what the transformer may know late of pods that went
    assert {ask(url)["release"] for _ in range(5)} == {releases[0].release}
