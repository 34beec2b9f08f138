"""Trainings in MLflow: in an embedded store by default, or on the server in MLFLOW_TRACKING_URI."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_pkg import contract
from asl_pkg.errors import AslError
from asl_pkg.network import reach_directly, refusal, runs_in_pod
from asl_pkg.outages import PatientRetry
from asl_pkg.urls import public, without_user

if TYPE_CHECKING:
    from mlflow import MlflowClient

STORE = "mlruns"  # in the working folder
UI_HOST = "127.0.0.1"
UI_PAGE = f"http://{UI_HOST}:{contract.MLFLOW_PORT}/#/experiments?workflowType=machine_learning"  # not traces of chats
REACH_S = 5  # a server that has not answered by then is not there
QUIET = {"GIT_PYTHON_REFRESH": "quiet"}
# a training must not hang for long on a server that went away: MLflow's own defaults are 120 s and 7 retries
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}


class Run:
    """One training in MLflow.

    Args:
        client: Client that writes the run.
        id: Id of the run.
    """

    def __init__(self, client: "MlflowClient", id: str) -> None:  # noqa: A002
        self.client = client
        self.id = id

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Log the metrics of an epoch."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        with _spared("metrics"):
            self.client.log_batch(self.id, [Metric(name, value, now_ms, epoch) for name, value in values.items()])

    def log_files(self, folder: Path, name: str) -> None:
        """Log the files of a folder as artifacts under a name."""
        with _spared(name):
            self.client.log_artifacts(self.id, str(folder), name)

    def close(self, status: str) -> None:
        """End the run as FINISHED, KILLED or FAILED."""
        with _spared("end"):
            self.client.set_terminated(self.id, status)


@contextmanager
def _spared(what: str) -> Iterator[None]:
    """A server that goes away costs a warning, not the training."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        warnings.warn(f"MLflow at {uri()} did not accept the {what}: {_first_line(error)}", stacklevel=4)


@contextmanager
def tracked(name: str, parameters: Mapping[str, Any]) -> Iterator[Run]:
    """Open a run, and close it as finished, killed (Ctrl-C) or failed.

    Args:
        name: Name of the run.
        parameters: Every setting, and the origin of data and code.

    Yields:
        The run.

    Raises:
        AslError: The server does not answer.
    """
    client, experiment = _open()
    from mlflow.entities import Param

    run = Run(client, client.create_run(experiment, run_name=name).info.run_id)
    client.log_batch(run.id, params=[Param(key, public(str(value))) for key, value in parameters.items()])
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        run.close(status)


def uri() -> str:
    """URI of the store: MLFLOW_TRACKING_URI, else SQLite in the working folder.

    User and password in a server's URL move to MLflow's own variables for them: MLflow shows its URL in errors.
    """
    named = os.environ.get("MLFLOW_TRACKING_URI", "")
    if named.startswith("http"):
        url, user, password = without_user(named)
        if user:
            os.environ.update(MLFLOW_TRACKING_URI=url, MLFLOW_TRACKING_USERNAME=user, MLFLOW_TRACKING_PASSWORD=password)
        return url
    return named or f"sqlite:///{Path(STORE).resolve()}/mlflow.db"


def check_tracking() -> None:
    """Check that the server in MLFLOW_TRACKING_URI answers.

    Raises:
        AslError: It does not answer.
    """
    if not uri().startswith("http"):
        return
    import requests
    from requests.adapters import HTTPAdapter

    reach_directly(uri())
    credentials = tuple(os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("USERNAME", "PASSWORD"))
    session = requests.Session()
    if runs_in_pod():
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=PatientRetry.of_a_step()))
    try:
        answer = session.get(
            f"{uri().rstrip('/')}/health", timeout=REACH_S, auth=credentials if credentials[0] else None
        )
    except requests.RequestException as error:
        raise AslError(
            f"MLFLOW_TRACKING_URI={uri()}: no MLflow server answers there ({type(error).__name__}): "
            "start it, or unset the variable for the embedded store"
        ) from error
    if got := refusal(answer):
        raise AslError(
            f"MLFLOW_TRACKING_URI={uri()} answered {got}, expected an MLflow server: behind a login set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or forward the server's own port"
        )


def register(source: str, tags: Mapping[str, str]) -> str | None:
    """Make a release the champion in MLflow's registry, which records what serves and never decides it.

    Args:
        source: URI of the release in the model store.
        tags: Digests of the version; an existing version with the same becomes the champion again.

    Returns:
        The model version; None, with a warning, if MLflow did not accept it, since the release already serves.
    """
    from mlflow.exceptions import MlflowException

    try:
        client, _ = _open()
        if not client.search_registered_models(f"name = '{contract.MLFLOW_MODEL}'"):
            client.create_registered_model(contract.MLFLOW_MODEL)
        found = [
            version
            for version in client.search_model_versions(f"name = '{contract.MLFLOW_MODEL}'")
            if version.tags == tags
        ]
        version = (
            found[0]
            if found
            else client.create_model_version(contract.MLFLOW_MODEL, source, tags=dict(tags), await_creation_for=0)
        )
        client.set_registered_model_alias(contract.MLFLOW_MODEL, contract.MLFLOW_ALIAS, version.version)
    except (AslError, MlflowException, OSError) as error:
        warnings.warn(f"the release serves, but it was not registered in MLflow: {_first_line(error)}", stacklevel=2)
        return None
    return str(version.version)


def ui_command() -> list[str]:
    """Give the command that serves MLflow's UI on the embedded store; run it with the variables in QUIET.

    Raises:
        AslError: MLFLOW_TRACKING_URI names a server, which has a UI of its own.
    """
    if uri().startswith("http"):
        raise AslError(f"MLFLOW_TRACKING_URI={uri()} has its own UI: open it there, or unset the variable")
    Path(STORE).mkdir(exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", UI_HOST, "--port", str(contract.MLFLOW_PORT)]
    command += ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    return [*command, "--backend-store-uri", uri(), "--default-artifact-root", _artifacts()]


def _open() -> tuple["MlflowClient", str]:
    """The client, and the ID of our experiment, which is created if it is missing."""
    check_tracking()
    os.environ.update(QUIET)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import DatabaseError

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # else it logs every table that it makes
    embedded = "MLFLOW_TRACKING_URI" not in os.environ
    if embedded:
        Path(STORE).mkdir(exist_ok=True)
    try:
        client = MlflowClient(uri())
        found = client.get_experiment_by_name(contract.MLFLOW_EXPERIMENT)
        if found is None:
            return client, client.create_experiment(contract.MLFLOW_EXPERIMENT, _artifacts() if embedded else None)
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
    except MlflowException as error:
        raise AslError(f"MLflow at {uri()}: {_first_line(error)}") from error
    except DatabaseError as error:
        raise AslError(
            f"MLflow at {uri()}: {error.orig}: move a damaged store away, or set MLFLOW_TRACKING_URI to another"
        ) from error
    return client, found.experiment_id


def _artifacts() -> str:
    return (Path(STORE).resolve() / "artifacts").as_uri()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
