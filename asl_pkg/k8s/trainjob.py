"""Train in the pods of a Kubeflow TrainJob, which the pod of the step train creates and waits for.

Data set and result go through S3, below settings.checkpoint_uri: the pods share no disk. The resources of a pod are
set in the ClusterTrainingRuntime in manifests/components/trainer.
"""

import os
import time
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.config.load import overrides_of
from asl_pkg.config.schema import TrainSettings
from asl_pkg.errors import AslError, SettingError
from asl_pkg.k8s.client import Cluster, ObjectKind, own_namespace
from asl_pkg.k8s.pending_pods import report_pending_pods
from asl_pkg.progress import say
from asl_pkg.storage.s3_folder import S3Folder

API_GROUP = "trainer.kubeflow.org"
TRAIN_JOB = ObjectKind(
    "TrainJob", "trainjobs", f"{API_GROUP}/v1alpha1", ": are Kubeflow Trainer and our component trainer installed?"
)
DATASET_FOLDER, TRAINING_FOLDER = "dataset", "training"  # folders in S3
POD_NAME = "KFP_POD_NAME"  # set by KFP
STEP_CONTAINER = "main"  # as KFP names it
NODE_CONTAINER = "node"  # as Kubeflow Trainer names it
JOB_SET = "jobset.sigs.k8s.io/jobset-name"  # Kubeflow Trainer creates a JobSet with the TrainJob's name
FIRST_NODE = {"batch.kubernetes.io/job-completion-index": "0"}
COMPLETE, FAILED = "Complete", "Failed"
POLL_S = 2.0


def run_train_job(settings: TrainSettings, key: str, dataset_dir: Path, training_dir: Path) -> None:
    """Train in one pod per worker, or wait for the pods that an earlier attempt of the step created.

    Args:
        settings: The network and how to train it.
        key: Name of the training; it depends on data, settings and code.
        dataset_dir: Data set written by pull.
        training_dir: Folder for the files that contract.py lists under training/.

    Raises:
        SettingError: This is not a pod of KFP, or checkpoint_uri is not in S3.
        DataError: S3 refuses.
        AslError: The TrainJob failed.
    """
    if not settings.checkpoint_uri.startswith("s3://"):
        raise SettingError(
            f"a TrainJob exchanges data through S3, but checkpoint_uri={settings.checkpoint_uri!r}: "
            "set checkpoint_uri=s3://BUCKET/PREFIX"
        )
    if POD_NAME not in os.environ:
        raise SettingError(
            "a TrainJob runs in a pipeline on Kubernetes only: `asl pipeline submit`, or trainer.trainjob=false"
        )
    cluster, name = Cluster(own_namespace(), TRAIN_JOB), f"asl-train-{key}"
    work = S3Folder.open(f"{settings.checkpoint_uri.rstrip('/')}/{key}")
    _clear(cluster, name)
    say(f"copying the data set to {work.url(DATASET_FOLDER)}")
    work.upload(dataset_dir, DATASET_FOLDER)
    cluster.apply(train_job(name, cluster.pod(os.environ[POD_NAME]), work.url(), settings))
    say(f"TrainJob {name}: {settings.trainer.workers} pods in namespace {cluster.namespace}")
    _wait(cluster, name)
    work.download(TRAINING_FOLDER, training_dir)
    cluster.delete(name)
    work.remove()


def train_job(name: str, step: Any, work: str, settings: TrainSettings) -> dict[str, Any]:
    """Give the TrainJob object of a training.

    Args:
        name: Name of the object.
        step: Pod of the step train, which owns the TrainJob and gives its container image.
        work: s3://BUCKET/PREFIX of data set and result.
        settings: The network and how to train it.

    Returns:
        The object.
    """
    image = next(container.image for container in step.spec.containers if container.name == STEP_CONTAINER)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": step.metadata.name, "uid": step.metadata.uid}
    return {
        "apiVersion": TRAIN_JOB.api_version,
        "kind": TRAIN_JOB.name,
        "metadata": {"name": name, "namespace": step.metadata.namespace, "ownerReferences": [owner]},
        "spec": {
            "runtimeRef": {"apiGroup": API_GROUP, "kind": "ClusterTrainingRuntime", "name": contract.TRAINING_RUNTIME},
            "trainer": {
                "image": image,
                "numNodes": settings.trainer.workers,
                "numProcPerNode": 1,
                "command": ["torchrun", "-m", "asl_pkg.trainjob_node"],
                "args": [work, *overrides_of(settings)],
            },
        },
    }


def _clear(cluster: Cluster, name: str) -> None:
    """Remove a TrainJob that failed in an earlier attempt; a running one stays."""
    live = cluster.get(name)
    if live and _ended(live)[0] == FAILED:
        cluster.delete(name)
        while cluster.get(name):
            time.sleep(POLL_S)


def _wait(cluster: Cluster, name: str) -> None:
    """Print the log of the first pod until the TrainJob ends."""
    shown = ""
    told: set[str] = set()
    while True:
        live = cluster.get(name)
        if live is None:
            raise AslError(f"TrainJob {name} was deleted: run the step again, it resumes after the last complete epoch")
        state, why = _ended(live)
        pods = sorted(cluster.pods({JOB_SET: name}), key=lambda pod: pod.metadata.creation_timestamp)
        first = [pod.metadata.name for pod in pods if FIRST_NODE.items() <= pod.metadata.labels.items()]
        log = cluster.log(first[-1], NODE_CONTAINER, previous=False) if first else ""
        for line in _news(log, shown):
            say(line)
            shown = line
        if state == COMPLETE:
            return
        if state == FAILED:
            raise AslError(f"TrainJob {name} failed: {why}; see the logs of its pods in namespace {cluster.namespace}")
        report_pending_pods(cluster, {JOB_SET: name}, told)
        time.sleep(POLL_S)


def _news(log: str, shown: str) -> list[str]:
    """The lines of a log after the last line shown."""
    lines = log.splitlines()
    return lines[len(lines) - lines[::-1].index(shown) :] if shown in lines else lines


def _ended(live: dict[str, Any]) -> tuple[str, str]:
    """Complete or Failed, and the message of Kubeflow Trainer; empty while the TrainJob runs."""
    for condition in live.get("status", {}).get("conditions", []):
        if condition["type"] in (COMPLETE, FAILED) and condition["status"] == "True":
            return condition["type"], condition.get("message", "")
    return "", ""
