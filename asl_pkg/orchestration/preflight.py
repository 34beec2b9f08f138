"""What a run on Kubeflow Pipelines needs, looked for before it is submitted."""

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


def missing(settings: PipelineSettings, images: Sequence[str]) -> list[str]:
    """Look for what a run needs; what cannot be looked at from here is said, and taken to be there.

    Args:
        settings: of the run.
        images: of its steps.

    Returns:
        What is missing, each in a few words with what mends it.
    """
    return [*_place_of_trainjob(settings), *_objects(settings), *_buckets(settings), *_images(images)]


def digest(image: str) -> str | None:
    """Ask an image's registry for it.

    Args:
        image: such as registry.example.com/team/asl-train:0.2.0.

    Returns:
        Its digest, empty where the registry has none of this name, None where it cannot be asked: it is not named, does
        not answer, or wants to know who asks.
    """
    host, _, path = image.partition("/")
    if not path or not (set(".:") & set(host) or host == "localhost"):
        return None  # Docker's own registry, or an image that was loaded into the nodes
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


def pinned(image: str) -> str:
    """Name an image by its digest where its registry tells it: KFP's cache knows an image by its name alone."""
    found = digest(image)
    if not found or "@" in image:
        return image
    repository, _, tag = image.rpartition(":")
    return f"{image if '/' in tag else repository}@{found}"


def _place_of_trainjob(settings: PipelineSettings) -> Iterator[str]:
    """What is missing for the data of a TrainJob."""
    if settings.trainer.trainjob and not settings.checkpoint_uri.startswith("s3://"):
        yield "checkpoint_uri=s3://BUCKET/PREFIX (a TrainJob's data go through it)"


def _objects(settings: PipelineSettings) -> Iterator[str]:
    """What is missing in the namespace of the steps' pods."""
    namespace = settings.kfp.namespace
    wanted = [
        ("ServiceAccount", "serviceaccounts", settings.kfp.service_account, "kfp.service_account names one"),
        ("Secret", "secrets", contract.S3_SECRET, "`make serving` makes it"),
        ("Secret", "secrets", contract.DEPLOYER_TOKEN, "`make serving` makes it"),
    ]
    try:
        cluster = Cluster(namespace)
        lacking = [one for one in wanted if not cluster.has(one[1], one[2])]
    except ServingError as error:
        progress.say(f"skipped check of ServiceAccount and Secrets: {error}")
        return
    for what, _, name, mended in lacking:
        yield f"{what} {name} in namespace {namespace} ({mended})"


def _buckets(settings: PipelineSettings) -> Iterator[str]:
    """Buckets that are missing, as this machine's AWS_* variables show them."""
    urls = [settings.store, settings.checkpoint_uri, getattr(settings.data, "path", "")]
    for bucket in sorted({urlsplit(url).netloc for url in urls if url.startswith("s3://")}):
        try:
            if not has_bucket(s3_client(), bucket):
                yield f"bucket s3://{bucket} (`make buckets`, or your S3's own tool)"
        except DataError as error:
            progress.say(f"skipped check of bucket {bucket}: {error}")


def _images(images: Sequence[str]) -> Iterator[str]:
    """Images that their registry does not have."""
    for image in images:
        found = digest(image)
        if found == "":
            yield f"image {image} (`make push REGISTRY=…`)"
        elif found is None:
            progress.say(f"skipped check of container image {image}: registry not reachable")
