"""Pipeline versions on Kubeflow Pipelines: one for each content, with a name that people can read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_pkg import contract
from asl_pkg.lineage.git_commit import commit
from asl_pkg.storage.atomic import sha256

if TYPE_CHECKING:
    from kfp import Client

PIPELINE = "asl"
COMMIT_DIGITS = 7
PAGE = 100


def upload_version(client: "Client", package: Path, namespace: str | None) -> tuple[str, str]:
    """Upload a compiled pipeline as a version of the pipeline asl, unless its content was uploaded before.

    Args:
        client: Client of Kubeflow Pipelines.
        package: The compiled pipeline.
        namespace: Namespace of the pipeline; None for a server without users.

    Returns:
        ID of the pipeline and of its version, which is named by the project's version and commit, as 0.2.0-9197183; a
        further content of the same commit gets a number behind it.
    """
    pipeline = client.get_pipeline_id(PIPELINE) or _create(client, namespace)
    content = f"sha256 {sha256(package)}"
    names = set()
    for version in _versions(client, pipeline):
        if version.description == content:
            return pipeline, str(version.pipeline_version_id)
        names.add(version.display_name)
    name = f"{contract.IMAGE_VERSION}-{commit()[:COMMIT_DIGITS]}"
    further = (f"{name}.{number}" for number in range(2, len(names) + 3))
    free = next(wanted for wanted in (name, *further) if wanted not in names)
    made = client.upload_pipeline_version(str(package), free, pipeline_id=pipeline, description=content)
    return pipeline, str(made.pipeline_version_id)


def _create(client: "Client", namespace: str | None) -> str:
    """Create the pipeline without a version: an upload would give the first one the pipeline's own name."""
    from kfp_server_api import PipelineServiceApi, V2beta1Pipeline

    service = PipelineServiceApi(client._upload_api.api_client)
    wanted = V2beta1Pipeline(name=PIPELINE, display_name=PIPELINE, namespace=namespace)
    return str(service.pipeline_service_create_pipeline(wanted).pipeline_id)


def _versions(client: "Client", pipeline: str) -> Iterator[Any]:
    token = ""
    while True:
        found = client.list_pipeline_versions(pipeline, page_token=token, page_size=PAGE)
        yield from found.pipeline_versions or []
        token = found.next_page_token or ""
        if not token:
            return
