"""The verbs pipeline submit and schedule: the compiled pipeline on Kubeflow Pipelines."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from asl_pkg import pipeline, progress
from asl_pkg.config.load import load
from asl_pkg.config.schema import PipelineSettings
from asl_pkg.errors import AslError, ServingError, SettingError
from asl_pkg.k8s.client import Cluster
from asl_pkg.network import reach_directly, refusal
from asl_pkg.orchestration import compiled
from asl_pkg.orchestration.failed_step import find_failed_step
from asl_pkg.orchestration.images import step_images
from asl_pkg.orchestration.preflight import missing_requirements, pinned_image
from asl_pkg.orchestration.run_watcher import RUN_POLL_S, watch_run
from asl_pkg.orchestration.upload import upload_version
from asl_pkg.urls import is_secret, public

if TYPE_CHECKING:
    from kfp import Client

TIMEOUT_S = 10
FORWARD = "`kubectl -n kubeflow port-forward service/ml-pipeline-ui 8080:80`"
LOCAL_SOURCES = ("folder", "archive", "parquet")


@dataclass(frozen=True)
class Submitted:
    """A run or a recurring run on Kubeflow Pipelines.

    Args:
        id: ID in Kubeflow Pipelines.
        url: URL of its page.
    """

    id: str
    url: str


def submit(overrides: Sequence[str], poll_s: float = RUN_POLL_S) -> Submitted:
    """Submit the pipeline and watch the run until it ends.

    Args:
        overrides: Settings of PipelineSettings, as on the command line.
        poll_s: Polling interval.

    Returns:
        The run, which succeeded.

    Raises:
        SettingError: A setting is wrong, has no parameter in the pipeline, or names something that pods cannot reach.
        ServingError: A requirement of the run is missing, or Kubeflow Pipelines does not answer.
        AslError: The run failed.
    """
    settings = load(PipelineSettings, overrides)
    _require_visible(settings)
    with _connected(settings) as (client, namespace), _package(settings, settings.cache) as package:
        arguments = pipeline.parameters(overrides)
        experiment = client.create_experiment(settings.kfp.experiment, namespace=namespace).experiment_id
        uploaded, version = upload_version(client, package, namespace)
        run = client.run_pipeline(
            experiment,
            f"asl {datetime.now():%Y-%m-%d %H:%M:%S}",
            params=arguments,
            pipeline_id=uploaded,
            version_id=version,
            service_account=settings.kfp.service_account,
        )
        submitted = Submitted(run.run_id, f"{public(settings.kfp.host).rstrip('/')}/#/runs/details/{run.run_id}")
        progress.say(f"run {submitted.url}")
        cluster = _cluster(settings)
        state = watch_run(client, run.run_id, cluster, poll_s)
    if state != "SUCCEEDED":
        failed = find_failed_step(cluster, run.run_id) if cluster else None
        for line in failed.log if failed else []:
            progress.say(f"  {line}")
        what = failed.summary if failed else "see its page for the failed step"
        raise AslError(f"the run ended {state}: {what}: {submitted.url}")
    return submitted


def schedule(overrides: Sequence[str]) -> Submitted:
    """Schedule recurring runs of the pipeline.

    Args:
        overrides: Settings of PipelineSettings, as on the command line; `kfp.cron` is the schedule.

    Returns:
        The recurring run. If the source of the images may change, its steps are never cached.

    Raises:
        SettingError: As for `submit`.
        ServingError: As for `submit`.
    """
    settings = load(PipelineSettings, overrides)
    _require_visible(settings)
    fixed = pipeline.source_version(settings.data) == pipeline.source_version(settings.data)
    with _connected(settings) as (client, namespace), _package(settings, settings.cache and fixed) as package:
        arguments = pipeline.parameters(overrides)
        experiment = client.create_experiment(settings.kfp.experiment, namespace=namespace).experiment_id
        uploaded, version = upload_version(client, package, namespace)
        made = client.create_recurring_run(
            experiment,
            "asl",
            cron_expression=settings.kfp.cron,
            max_concurrency=1,
            no_catchup=True,
            pipeline_id=uploaded,
            version_id=version,
            params=arguments,
            service_account=settings.kfp.service_account,
        )
    identity = made.recurring_run_id
    return Submitted(identity, f"{public(settings.kfp.host).rstrip('/')}/#/recurringrun/details/{identity}")


def _require_visible(settings: PipelineSettings) -> None:
    """Refuse settings that pods cannot use, or that would reveal a secret."""
    if not settings.store.startswith("s3://"):
        raise SettingError(f"store={settings.store}: pods need store=s3://BUCKET/PREFIX")
    if settings.checkpoint_uri and not settings.checkpoint_uri.startswith("s3://"):
        raise SettingError(f"checkpoint_uri={settings.checkpoint_uri}: pods need checkpoint_uri=s3://BUCKET/PREFIX")
    if settings.data.name in LOCAL_SOURCES:
        raise SettingError(
            f"data={settings.data.name}: pods cannot read this machine's files: publish them with `asl pull … "
            "to=s3://BUCKET/PREFIX` and use data=s3://BUCKET/PREFIX/DIGEST"
        )
    if secret := [name for name in ("path", "repository") if is_secret(str(getattr(settings.data, name, "")))]:
        raise SettingError(
            f"data.{secret[0]} holds a password or token that everybody who sees the run could read: publish the data "
            "with `asl pull … to=s3://BUCKET/PREFIX` and use data=s3://BUCKET/PREFIX/DIGEST"
        )


@contextmanager
def _connected(settings: PipelineSettings) -> Iterator[tuple["Client", str | None]]:
    """A client, and the namespace for experiments: None for KFP in single-user mode, which refuses one."""
    warnings.simplefilter("ignore")  # kfp's own deprecations: users cannot fix them
    import kfp
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    host = settings.kfp.host
    try:
        several = _health(host).get("multi_user")
        with redirect_stdout(StringIO()):  # its messages about pages; we print the run's URL
            client = kfp.Client(host)
            yield client, settings.kfp.namespace if several else None
    except ApiException as error:
        raise ServingError(
            f"Kubeflow Pipelines at {host} refused the request: {error.status} {_said(error)}"
        ) from error
    except (requests.RequestException, HTTPError) as error:
        raise ServingError(
            f"Kubeflow Pipelines does not answer at {host}: set kfp.host, or forward its port: {FORWARD}"
        ) from error


def _health(host: str) -> dict[str, Any]:
    """The server's health; kfp's client would retry, and print a traceback each time."""
    reach_directly(host)
    answer = requests.get(f"{host}/apis/v2beta1/healthz", timeout=TIMEOUT_S)
    got = refusal(answer)
    if not got:
        with suppress(requests.JSONDecodeError):
            return dict(answer.json())
        got = "a web page"
    raise ServingError(
        f"kfp.host={host} answered {got}, expected the API of Kubeflow Pipelines: if it is behind a login, forward "
        f"its own port: {FORWARD} and set kfp.host=http://127.0.0.1:8080"
    )


@contextmanager
def _package(settings: PipelineSettings, cache: bool) -> Iterator[Path]:
    """The pipeline file for the client, after all checks passed."""
    images = step_images(settings.pod)
    if lacking := missing_requirements(settings, list(images.values())):
        raise ServingError(f"cannot submit; missing: {'; '.join(lacking)}")
    documents = pipeline.prepare_pipeline(settings)
    compiled.set_images(documents, {name: pinned_image(image) for name, image in images.items()})
    if not cache:
        compiled.drop_caching(documents)
    with tempfile.TemporaryDirectory(prefix="asl-") as folder:
        path = Path(folder) / pipeline.COMPILED.name
        path.write_text(compiled.to_yaml(documents), encoding="utf-8")
        yield path


def _cluster(settings: PipelineSettings) -> Cluster | None:
    try:
        return Cluster(settings.kfp.namespace)
    except ServingError as error:
        progress.say(f"cannot watch the run's pods: {error}")
        return None


def _said(error: Any) -> str:
    """The first line of an error response."""
    return next(iter(str(error.body or error.reason).splitlines()), "")
