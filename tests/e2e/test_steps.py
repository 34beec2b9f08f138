"""The steps of the compiled pipeline as Jobs, each in its own image, under Pod Security *restricted*, artefacts in S3.

Commands and parameters are asl.yaml's. KFP's launcher, which brings artefacts into a step's pod and takes them out, is
not there: STAND_IN does that. The images that ASL_E2E_DATA_IMAGE and ASL_E2E_TRAIN_IMAGE name have to be on the nodes.
Where Kubeflow Trainer is installed, train makes a TrainJob too.
Each test builds on the previous ones.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from asl_pkg import contract
from asl_pkg.config.text import settings_to_text
from asl_pkg.deployment.inference_service import serving_of
from asl_pkg.k8s import trainjob
from asl_pkg.k8s.client import Cluster
from asl_pkg.pipeline import COMPILED
from asl_pkg.storage.s3_folder import S3Folder
from tests.conftest import PROJECT
from tests.e2e.conftest import HANDS, LENIENT, Kubectl, secret
from tests.support.transformers import until

pytestmark = pytest.mark.e2e

TAG = contract.IMAGE_VERSION
DATA_IMAGE = os.environ.get("ASL_E2E_DATA_IMAGE", f"localhost:5001/{contract.DATA_IMAGE}:{TAG}")
TRAIN_IMAGE = os.environ.get("ASL_E2E_TRAIN_IMAGE", f"localhost:5001/{contract.TRAIN_IMAGE}:{TAG}")
STEPS = ("pull", "train", "export", "champion", "validate", "deploy")
WAIT_S = 900
ARTEFACTS = "/tmp/artefacts"
SAYS = "the executor's output: "  # begins the last line of a step's log
WORKERS = "workers"
TRAINJOB = "train-in-a-trainjob"
TWO_PODS = "model=baseline model.width=4 trainer.trainjob=true trainer.workers=2"
INDEX = "batch.kubernetes.io/job-completion-index"
# As KFP's pods have it.
KFP_POD_NAME = {"name": "KFP_POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}

STAND_IN = f"""
import json, os, subprocess
from pathlib import Path
from asl_pkg.storage.s3_folder import S3Folder
kept, root, step = S3Folder.open(os.environ["ARTEFACTS"]), Path({ARTEFACTS!r}), os.environ["STEP"]
asked = json.loads(os.environ["EXECUTOR_INPUT"])
for group in asked["inputs"]["artifacts"].values():
    path = Path(group["artifacts"][0]["uri"])
    kept.download(str(path.relative_to(root)), path)
(root / step).mkdir(parents=True, exist_ok=True)
subprocess.run(json.loads(os.environ["COMMAND"]), check=True)
kept.upload(root / step, step)
print({SAYS!r} + Path(asked["outputs"]["outputFile"]).read_text())
"""
TORCHRUN = f"""
import os, subprocess
from pathlib import Path
from asl_pkg.storage.s3_folder import S3Folder
S3Folder.open(os.environ["ARTEFACTS"]).download("pull/dataset", Path("/tmp/dataset"))
subprocess.run(["torchrun", "--nnodes=2", "--node-rank=" + os.environ["JOB_COMPLETION_INDEX"], "--nproc-per-node=1",
    "--master-addr={WORKERS}-0.{WORKERS}", "--master-port=29500", "-m", "asl_pkg.commands", "train",
    "dataset_dir=/tmp/dataset", "model=baseline", "model.width=4", "trainer.max_epochs=2",
    "trainer.workers=2"], check=True)
"""


class Steps:
    """A namespace for Jobs, and what the steps so far have made.

    Args:
        kubectl: as people type it.
        name: of the namespace.
        store: beside which the artefacts lie.
        values: parameters of the steps by name.
    """

    def __init__(self, kubectl: Kubectl, name: str, store: str, values: dict[str, Any]) -> None:
        self.kubectl, self.name, self.values = kubectl, name, values
        self.kept = f"{store}-artefacts"
        self.artefacts: dict[str, dict[str, Any]] = {}
        self.compiled = next(yaml.safe_load_all(COMPILED.read_text()))

    def run(self, step: str, name: str = "") -> dict[str, Any]:
        """Run a step in a Job of its name or another one; its output parameters."""
        component = self.compiled["components"][f"comp-{step}"]
        inputs, outputs = component.get("inputDefinitions", {}), component.get("outputDefinitions", {})
        made = {
            name: {"name": name, "type": artifact["artifactType"], "uri": f"{ARTEFACTS}/{step}/{name}", "metadata": {}}
            for name, artifact in outputs.get("artifacts", {}).items()
        }
        asked = {
            "inputs": {
                "parameterValues": {name: self.values[name] for name in inputs.get("parameters", {})},
                "artifacts": {name: {"artifacts": [self.artefacts[name]]} for name in inputs.get("artifacts", {})},
            },
            "outputs": {
                "artifacts": {name: {"artifacts": [artifact]} for name, artifact in made.items()},
                "parameters": {name: {"outputFile": f"/tmp/outputs/{name}"} for name in outputs.get("parameters", {})},
                "outputFile": "/tmp/outputs/executor_output.json",
            },
        }
        container = self.compiled["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
        words = [json.dumps(asked) if word == "{{$}}" else word for word in container["args"]]
        command = json.dumps([*container["command"], *words])
        given = {"STEP": step, "EXECUTOR_INPUT": json.dumps(asked), "COMMAND": command}
        log = self.job(name or step, DATA_IMAGE if step == "pull" else TRAIN_IMAGE, STAND_IN, given)
        said = json.loads(log[log.rindex(SAYS) + len(SAYS) :].splitlines()[0])
        for name, artifact in said.get("artifacts", {}).items():
            made[name]["metadata"] = artifact["artifacts"][0].get("metadata", {})
        self.artefacts |= made
        return dict(said.get("parameterValues", {}))

    def job(self, name: str, image: str, program: str, variables: dict[str, str], pods: int = 1) -> str:
        """Run a program in a Job of so many pods; the log of the first one."""
        variables = variables | {"ARTEFACTS": self.kept, "AWS_DEFAULT_REGION": "us-east-1"}
        variables["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"]
        container: dict[str, Any] = {
            "name": "main",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", program],
            "env": [{"name": key, "value": value} for key, value in variables.items()] + [KFP_POD_NAME],
            "envFrom": [{"secretRef": {"name": contract.S3_SECRET}}],
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "6Gi"}},
            "securityContext": {
                "runAsNonRoot": True,
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumeMounts": [
                {"name": "tmp", "mountPath": "/tmp"},
                {"name": "shared-memory", "mountPath": "/dev/shm"},
            ],
        }
        volumes: list[dict[str, Any]] = [
            {"name": "tmp", "emptyDir": {}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        ]
        if name == "deploy":
            container["volumeMounts"].append({"name": "token", "mountPath": contract.DEPLOYER_FOLDER})
            volumes.append({"name": "token", "secret": {"secretName": contract.DEPLOYER_TOKEN}})
        pod = {
            "subdomain": WORKERS,
            "restartPolicy": "Never",
            "automountServiceAccountToken": name.startswith(TRAINJOB),
            "containers": [container],
            "volumes": volumes,
        }
        spec = {"backoffLimit": 0, "completions": pods, "parallelism": pods, "completionMode": "Indexed"}
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": self.name},
            "spec": {**spec, "template": {"spec": pod}},
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        self._wait(name)
        return self.log(name, 0)

    def log(self, job: str, index: int) -> str:
        """What a pod of a Job wrote."""
        return self.kubectl("-n", self.name, "logs", "-l", f"job-name={job},{INDEX}={index}", "--tail=-1")

    def _wait(self, job: str) -> None:
        for _ in range(WAIT_S // 5):
            condition = "jsonpath={.status.conditions[?(@.status=='True')].type}"
            ended = self.kubectl("-n", self.name, "get", "job", job, "-o", condition)
            assert "Failed" not in ended, self.log(job, 0)
            if "Complete" in ended:
                return
            time.sleep(5)
        raise AssertionError(self.kubectl("-n", self.name, "describe", "pods"))


@pytest.fixture(scope="module")
def steps(kubectl: Kubectl, namespace: str, store: str) -> Iterator[Steps]:
    """A namespace beside the one that serves."""
    name = f"asl-steps-{uuid.uuid4().hex[:6]}"
    labels = {"asl/clients": "true", "pod-security.kubernetes.io/enforce": "restricted"}
    token = kubectl("-n", namespace, "create", "token", contract.DEPLOYER_ACCOUNT)
    ca = kubectl("-n", namespace, "get", "configmap", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}")
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": contract.DEPLOYER_TOKEN, "namespace": name},
            "stringData": {"token": token, "ca.crt": ca, "namespace": namespace},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": WORKERS, "namespace": name},
            "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"job-name": WORKERS}},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": contract.SETTINGS_CONFIG_MAP, "namespace": name},
            "data": {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"], "AWS_DEFAULT_REGION": "us-east-1"},
        },
        yaml.safe_load(secret(name)),
    ]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    values = {
        "data_source": "synthetic", "data_settings": settings_to_text(HANDS), "data_version": "", "seed": 7,
        "code_version": "", "signer": "", "train_model": "baseline", "train_max_epochs": 2,
        "train_settings": "model.width=4", "export_settings": "", "validate_accuracy_min": 0.0,
        "validate_settings": settings_to_text(f"validate.{gate}" for gate in LENIENT), "deploy_store": store,
        "deploy_settings": f"deploy.namespace={namespace} deploy.latency_max_ms=5000",
    }  # fmt: skip
    yield Steps(kubectl, name, store, values)
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("step", STEPS)
def test_the_step_runs_as_a_job_with_a_stand_in_for_kfps_launcher(steps: Steps, step: str) -> None:
    said = steps.run(step)
    if step == "champion":
        steps.values["champion"] = said["Output"]
    if step == "validate":
        assert said["Output"] is True


def test_the_release_that_the_job_deployed_serves(steps: Steps, namespace: str) -> None:
    live = Cluster(namespace).get(contract.KUBERNETES_NAME)
    assert live is not None
    assert serving_of(live).release == steps.artefacts["bundle"]["metadata"]["release"]


def state(steps: Steps) -> str:
    """Where an unfinished training is kept."""
    return f"{steps.kept}/state"


@pytest.fixture
def trainer(steps: Steps, kubectl: Kubectl) -> None:
    """Our component trainer, for the account of these Jobs."""
    if not kubectl("get", "crd", "trainjobs.trainer.kubeflow.org", "--ignore-not-found"):
        pytest.skip("Kubeflow Trainer is not installed")
    component = PROJECT / "manifests" / "components" / "trainer"
    role, _ = yaml.safe_load_all((component / "access.yaml").read_text())
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "trainer", "namespace": steps.name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": steps.name}],
    }
    kubectl("apply", "-f", str(component / "training-runtime.yaml"))
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([role, binding]))
    steps.values["train_settings"] = f"{TWO_PODS} checkpoint_uri={state(steps)}"


def test_train_makes_a_trainjob_of_two_pods_and_brings_back_what_they_learnt(
    steps: Steps, trainer: None, kubectl: Kubectl
) -> None:
    steps.run("train", TRAINJOB)
    log = steps.log(TRAINJOB, 0)
    assert "2 pods" in log
    assert "epoch   2 of 2" in log
    assert not kubectl("-n", steps.name, "get", "trainjobs", "-o", "name")
    assert not list(S3Folder.open(state(steps)).names()), "what it needed on the way is removed"


def test_a_trainjob_whose_second_pod_is_killed_goes_on_after_the_last_whole_epoch(
    steps: Steps, trainer: None, kubectl: Kubectl
) -> None:
    steps.values["train_max_epochs"] = 40
    steps.values["train_settings"] += " trainer.patience_epochs=40"
    name, cluster = f"{TRAINJOB}-killed", Cluster(steps.name)

    def second_epoch_is_over() -> bool:
        pods = cluster.pods({"job-name": name})
        return any("epoch   2 of" in cluster.log(pod.metadata.name, "main", previous=False) for pod in pods)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(steps.run, "train", name)
        until(lambda: running.done() or second_epoch_is_over(), WAIT_S)
        second = f"{trainjob.JOB_SET},batch.kubernetes.io/job-completion-index=1"
        kubectl("-n", steps.name, "delete", "pod", "-l", second, "--grace-period=0", "--force")
        running.result()
    log = steps.log(name, 0)
    assert "resuming after epoch" in log
    assert "epoch  40 of 40" in log


def test_torchrun_trains_in_the_two_pods_of_an_indexed_job(steps: Steps) -> None:
    first = steps.job(WORKERS, TRAIN_IMAGE, TORCHRUN, {}, pods=2)
    assert "epoch   2 of 2" in first
    assert "best_validation_accuracy" in first
    assert "best_validation_accuracy" not in steps.log(WORKERS, 1), "the first one alone writes"
