"""Secrets and settings of manifests/make-secrets on a real API server, byte for byte."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from asl_pkg.k8s.deployer_token import renew_deployer_token
from tests.conftest import PROJECT
from tests.e2e.conftest import Kubectl

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def made(kubectl: Kubectl) -> Iterator[dict[tuple[str, str], dict[str, bytes]]]:
    """What stands in namespace asl after make-secrets, by kind and name; a namespace that was not there goes again."""
    namespaces = kubectl("get", "namespaces", "-o", "name").split()
    if used := {f"namespace/{name}" for name in ("asl", "kubeflow", "mlflow")} & set(namespaces):
        pytest.skip(f"{', '.join(sorted(used))} in use: its secrets are left alone")
    for name in ("namespace", "accounts", "token-renewal"):
        kubectl("apply", "-f", str(PROJECT / "manifests" / "base" / f"{name}.yaml"))
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "a/b+c=",
        "MLFLOW_TRACKING_URI": "",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9000",
    }
    subprocess.run([PROJECT / "manifests" / "make-secrets"], env=environment, check=True, timeout=120)
    found = {}
    for kind in ("secret", "configmap"):
        for item in json.loads(kubectl("-n", "asl", "get", kind, "-o", "json"))["items"]:
            decoded = base64.b64decode if kind == "secret" else str.encode
            found[kind, item["metadata"]["name"]] = {key: decoded(text) for key, text in item.get("data", {}).items()}
    yield found
    kubectl("delete", "namespace", "asl", "--wait=false")


def test_the_stores_keys_are_those_of_the_environment(made: dict[tuple[str, str], dict[str, bytes]]) -> None:
    assert made["secret", "asl-s3"] == {"AWS_ACCESS_KEY_ID": b"key", "AWS_SECRET_ACCESS_KEY": b"a/b+c="}


def test_the_settings_name_no_mlflow_where_none_is_installed(made: dict[tuple[str, str], dict[str, bytes]]) -> None:
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1").encode()
    assert made["configmap", "asl-settings"] == {
        "AWS_ENDPOINT_URL": b"http://seaweedfs.kubeflow:9000",  # a pod does not reach the host's own address
        "AWS_DEFAULT_REGION": region,
    }


def test_the_deployers_token_is_a_token_and_not_a_byte_more(
    kubectl: Kubectl, made: dict[tuple[str, str], dict[str, bytes]]
) -> None:
    held = made["secret", "asl-deployer-token"]
    assert sorted(held) == ["ca.crt", "namespace", "token"]
    assert held["namespace"] == b"asl"
    header, claims, signature = held["token"].split(b".")
    subject = json.loads(base64.urlsafe_b64decode(claims + b"=="))["sub"]
    assert subject == "system:serviceaccount:asl:asl-deployer"
    assert not {bytes([byte]) for byte in header + claims + signature} - {
        bytes([byte]) for byte in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    }
    certificate = kubectl("-n", "asl", "get", "configmap", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}")
    assert held["ca.crt"].decode() == certificate


def test_the_account_of_the_cron_job_renews_the_token_and_may_do_nothing_else(
    kubectl: Kubectl, made: dict[tuple[str, str], dict[str, bytes]]
) -> None:
    settings = client.Configuration()
    config.load_kube_config(os.environ["KUBECONFIG"], client_configuration=settings)
    settings.cert_file = settings.key_file = None  # the admin's: the token alone says who asks
    settings.api_key["authorization"] = f"Bearer {kubectl('-n', 'asl', 'create', 'token', 'asl-token-renewal').strip()}"
    core = client.CoreV1Api(client.ApiClient(settings))
    assert renew_deployer_token(core, ["asl"]) == ["asl"]
    found = kubectl("-n", "asl", "get", "secret", "asl-deployer-token", "-o", "jsonpath={.data.token}")
    assert base64.b64decode(found) != made["secret", "asl-deployer-token"]["token"]
    for forbidden in (
        lambda: core.read_namespaced_secret("asl-s3", "asl"),
        lambda: core.create_namespaced_service_account_token(
            "asl-predictor", "asl", client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[]))
        ),
    ):
        with pytest.raises(ApiException, match="403"):
            forbidden()
