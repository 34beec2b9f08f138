"""Checks before a run is submitted to Kubeflow Pipelines."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import requests

from asl_pkg import contract, progress
from asl_pkg.config.schema import PipelineSettings
from asl_pkg.errors import DataError, ServingError
from asl_pkg.k8s.client import Cluster
from asl_pkg.network import reach_directly
from asl_pkg.storage.s3 import has_bucket, s3_client

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
TIMEOUT_S = 10


def missing_requirements(settings: PipelineSettings, images: Sequence[str]) -> list[str]:
    """Check what a run needs; a check that is not possible from here is reported and skipped.

    Args:
        settings: Settings of the run.
        images: Container images of its steps.

    Returns:
        What is missing, each with its remedy.
    """
    return [*_trainjob_folder(settings), *_objects(settings), *_buckets(settings), *_images(images)]


def registry_digest(image: str) -> str | None:
    """Look up a container image in its registry.

    Args:
        image: Reference, such as registry.example.com/team/asl-train:0.2.0.

    Returns:
        The digest; empty if the registry does not have the image; None if the registry is not named, does not answer or
        requires a login.
    """
    host, _, path = image.partition("/")
    if not path or not (set(".:") & set(host) or host == "localhost"):
        return None  # Docker Hub, or an image that was loaded into the nodes
    scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    repository, _, named = path.partition("@")
    if not named:
        repository, _, named = path.rpartition(":") if ":" in path else (path, "", "latest")
    url = f"{scheme}://{host}/v2/{repository}/manifests/{named}"
    reach_directly(url)
    try:
        answer = requests.head(url, headers={"Accept": ", ".join(MANIFEST_TYPES)}, timeout=TIMEOUT_S)
    except requests.RequestException:
        return None
    if answer.status_code == requests.codes.not_found:
        return ""
    return answer.headers.get("Docker-Content-Digest") if answer.ok else None


def pinned_image(image: str) -> str:
    """Pin a container image to its digest if its registry tells it: KFP's cache keys hold the reference only."""
    found = registry_digest(image)
    if not found or "@" in image:
        return image
    repository, _, tag = image.rpartition(":")
    return f"{image if '/' in tag else repository}@{found}"


def _trainjob_folder(settings: PipelineSettings) -> Iterator[str]:
    """The S3 folder that a TrainJob needs."""
    if settings.trainer.trainjob and not settings.checkpoint_uri.startswith("s3://"):
        yield "checkpoint_uri=s3://BUCKET/PREFIX (a TrainJob exchanges data through it)"


def _objects(settings: PipelineSettings) -> Iterator[str]:
    """ServiceAccount and Secrets that are missing in the namespace of the pods."""
    namespace = settings.kfp.namespace
    wanted = [
        ("ServiceAccount", "serviceaccounts", settings.kfp.service_account, "or set kfp.service_account"),
        ("Secret", "secrets", contract.S3_SECRET, "`make serving` creates it"),
        ("Secret", "secrets", contract.DEPLOYER_TOKEN, "`make serving` creates it"),
    ]
    try:
        cluster = Cluster(namespace)
        lacking = [item for item in wanted if not cluster.has(item[1], item[2])]
    except ServingError as error:
        progress.say(f"skipped check of ServiceAccount and Secrets: {error}")
        return
    for kind, _, name, remedy in lacking:
        yield f"{kind} {name} in namespace {namespace} ({remedy})"


def _buckets(settings: PipelineSettings) -> Iterator[str]:
    """Buckets that are missing, according to this machine's AWS_* variables."""
    urls = [settings.store, settings.checkpoint_uri, getattr(settings.data, "path", "")]
    for bucket in sorted({urlsplit(url).netloc for url in urls if url.startswith("s3://")}):
        try:
            if not has_bucket(s3_client(), bucket):
                yield f"bucket s3://{bucket} (create it with `make buckets` or your S3 client)"
        except DataError as error:
            progress.say(f"skipped check of bucket {bucket}: {error}")


def _images(images: Sequence[str]) -> Iterator[str]:
    """Container images that are missing in their registry."""
    for image in images:
        found = registry_digest(image)
        if found == "":
            yield f"container image {image} (`make push REGISTRY=…`)"
        elif found is None:
            why = "registry not reachable" if "/" in image else "set pod.registry=…, unless nodes have it loaded"
            progress.say(f"skipped check of container image {image}: {why}")
