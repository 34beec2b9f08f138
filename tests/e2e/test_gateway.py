"""The component gateway on a real cluster, and the share of user traffic that it gives a canary.

Needed: an implementation of the Gateway API with the GatewayClass `default`, whose Service ASL_E2E_GATEWAY names as
NAMESPACE/SERVICE, in a namespace labelled asl/clients=true; and the image that ASL_E2E_TRANSFORMER_IMAGE names.
"""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import tritonclient.grpc
import yaml

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.bundle.store import Store
from asl_pkg.config.schema import DeploySettings
from asl_pkg.deployment import http_route
from asl_pkg.deployment.kserve import KServeTarget
from asl_pkg.k8s.client import Cluster
from tests.conftest import PROJECT
from tests.e2e.conftest import TRANSFORMER_IMAGE, Kubectl, serving
from tests.support.exported import image
from tests.support.transformers import until

GATEWAY = os.environ.get("ASL_E2E_GATEWAY", "")
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not GATEWAY, reason="ASL_E2E_GATEWAY names no gateway")]

WAIT_S = 300
LETTER = 2
REQUESTS = 400
PERCENT = 20


@pytest.fixture(scope="module")
def place(namespace: str, stored: Store, releases: list[Bundle]) -> KServeTarget:
    """Where they are stored, and the first one serves."""
    settings = DeploySettings(
        namespace=namespace, timeout_s=WAIT_S, canary_percent=PERCENT, transformer_image=TRANSFORMER_IMAGE
    )
    place = KServeTarget(stored, Cluster(namespace), settings)
    with place.promote(serving(releases[0]), None):
        pass
    return place


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that signs itself, and its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost -keyout tls.key -out tls.crt"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder / "tls.crt"


@pytest.fixture(scope="module")
def address(place: KServeTarget, certificate: Path, kubectl: Kubectl) -> Iterator[str]:
    """HOST:PORT of the gateway, which knows the way."""
    namespace = place.cluster.namespace
    files = [f"--cert={certificate}", f"--key={certificate.with_suffix('.key')}"]
    kubectl("-n", namespace, "create", "secret", "tls", "asl-gateway-tls", *files)
    manifest = (PROJECT / "manifests/components/gateway/gateway.yaml").read_text()
    objects = list(yaml.safe_load_all(manifest))
    for item in objects:
        item["metadata"]["namespace"] = namespace
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    inside, _, service = GATEWAY.partition("/")
    command = ["kubectl", "-n", inside, "port-forward", f"service/{service}", ":443"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert found, "the port was not forwarded"
            place_of_it = f"localhost:{found[1]}"
            until(lambda: knows_the_way(place_of_it, certificate), WAIT_S)
            yield place_of_it
        finally:
            process.terminate()


def knows_the_way(address: str, certificate: Path) -> bool:
    """Whether the gateway leads to a ready model; before it has read our certificate it shows one of its own."""
    try:
        return get(address, certificate, "/v2/health/ready") == requests.codes.ok
    except requests.exceptions.SSLError:
        return False


def get(address: str, certificate: Path, path: str) -> int:
    return requests.get(f"https://{address}{path}", verify=str(certificate), timeout=60).status_code


def ask(address: str, certificate: Path, times: int) -> set[str]:
    """The letters for one image, asked for one after another."""
    pixels = image(LETTER, signer=1)[None]
    tensor = {"name": contract.INPUT_NAME, "shape": pixels.shape, "datatype": "UINT8", "data": pixels.ravel().tolist()}
    url, body = f"https://{address}/v2/models/{contract.MODEL_NAME}/infer", json.dumps({"inputs": [tensor]})
    letters = set()
    with requests.Session() as session:
        for _ in range(times):
            answer = session.post(url, body, verify=str(certificate), timeout=60)
            answer.raise_for_status()
            letters.add(contract.CLASSES[int(np.argmax(answer.json()["outputs"][0]["data"]))])
    return letters


def inputs(address: str, certificate: Path, headers: dict[str, str]) -> list[str]:
    """Names of the inputs of what answers: a model server has `input` alone."""
    url = f"https://{address}/v2/models/{contract.MODEL_NAME}"
    answer = requests.get(url, headers=headers, verify=str(certificate), timeout=60)
    return [tensor["name"] for tensor in answer.json()["inputs"]]


def answered(urls: list[str]) -> int:
    """How many images predictors have answered."""
    stats = [json.load(urllib.request.urlopen(f"{url}/v2/models/{contract.MODEL_NAME}/stats")) for url in urls]
    return sum(server["model_stats"][0].get("inference_count", 0) for server in stats)


def test_a_letter_is_answered_over_tls_by_http_and_grpc(address: str, certificate: Path) -> None:
    assert ask(address, certificate, 1) == {contract.CLASSES[LETTER]}
    client = tritonclient.grpc.InferenceServerClient(address, ssl=True, root_certificates=str(certificate))
    pixels = image(LETTER, signer=1)[None]
    tensor = tritonclient.grpc.InferInput(contract.INPUT_NAME, pixels.shape, "UINT8").set_data_from_numpy(pixels)
    found = client.infer(contract.MODEL_NAME, [tensor]).as_numpy(contract.OUTPUT_NAME)
    assert contract.CLASSES[int(np.argmax(found))] == contract.CLASSES[LETTER]


def test_the_page_is_there_and_what_its_script_asks_reaches_the_transformer(address: str, certificate: Path) -> None:
    until(lambda: get(address, certificate, "/") == requests.codes.ok, WAIT_S)
    assert get(address, certificate, "/page/chart/A.webp") == requests.codes.ok
    assert inputs(address, certificate, {"Sec-Fetch-Dest": "empty"}) == ["image", contract.INPUT_NAME]
    assert inputs(address, certificate, {}) == [contract.INPUT_NAME]


@pytest.mark.parametrize("path", ["/v2/repository/index", "/metrics", "/v2/logging", "/v2/systemsharedmemory/status"])
def test_what_users_have_no_business_with_is_not_there(address: str, certificate: Path, path: str) -> None:
    assert get(address, certificate, path) == requests.codes.not_found


def test_a_canary_gets_its_share_of_the_requests_and_afterwards_none(
    address: str, certificate: Path, place: KServeTarget, releases: list[Bundle]
) -> None:
    with place.canary(serving(releases[1]), serving(releases[0])) as (stable, canary):
        until(lambda: bool(ask(address, certificate, 1)) and answered(canary) > 1, WAIT_S)  # 1 is its warm-up
        before = answered(stable), answered(canary)
        ask(address, certificate, REQUESTS)
        there, here = (after - count for after, count in zip((answered(stable), answered(canary)), before, strict=True))
        assert there + here == REQUESTS
        assert abs(here / REQUESTS - PERCENT / 100) < 0.05, (there, here)
    route = Cluster(place.cluster.namespace, http_route.ROUTE_KIND).get(contract.HTTP_ROUTE)
    assert route
    (rule,) = route["spec"]["rules"]
    assert [backend["name"] for backend in rule["backendRefs"]] == [f"{contract.KUBERNETES_NAME}-predictor"]
    assert ask(address, certificate, 20) == {contract.CLASSES[LETTER]}
