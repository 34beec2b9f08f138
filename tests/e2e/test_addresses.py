"""The addresses on this machine that kind-config.yaml promises, on the cluster of `make kind-up images-kind platform`.

A model has to serve in the namespace asl, as after README's `asl deploy`; without one its address is left out.
"""

from typing import Any

import pytest
import requests
import yaml

from asl_pkg import contract
from asl_pkg.k8s.client import Cluster
from asl_pkg.network import reach_directly
from tests.conftest import PROJECT
from tests.e2e.conftest import Kubectl

pytestmark = pytest.mark.e2e

OK, FORBIDDEN = requests.codes.ok, requests.codes.forbidden
ANSWERS = {  # by container port; the store refuses a request without keys
    30880: ("/apis/v2beta1/healthz", OK),
    30800: (f"/v2/models/{contract.MODEL_NAME}/ready", OK),
    30803: ("/", OK),
    30500: ("/health", OK),
    30900: ("/", FORBIDDEN),
}
MAPPINGS: list[dict[str, Any]] = yaml.safe_load((PROJECT / "kind-config.yaml").read_text())["nodes"][0][
    "extraPortMappings"
]


@pytest.fixture(scope="module", autouse=True)
def kind(kubectl: Kubectl) -> None:
    if kubectl("config", "current-context").strip() != "kind-asl":
        pytest.skip("KUBECONFIG names another cluster than that of `make kind-up`")


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping["hostPort"])
def test_a_promised_address_answers_from_outside_the_cluster(mapping: dict[str, Any]) -> None:
    path, expected = ANSWERS[mapping["containerPort"]]
    live = Cluster(contract.NAMESPACE).get(contract.KUBERNETES_NAME)
    if mapping["containerPort"] == 30800 and not live:
        pytest.skip("no model serves in the namespace asl")
    if mapping["containerPort"] == 30803 and "transformer" not in (live or {}).get("spec", {}):
        pytest.skip("no transformer serves in the namespace asl")
    url = f"http://{mapping['listenAddress']}:{mapping['hostPort']}{path}"
    reach_directly(url)
    assert requests.get(url, timeout=30).status_code == expected
