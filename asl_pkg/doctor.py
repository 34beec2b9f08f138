"""The verb doctor: check this machine, and name the command that fixes what is missing."""

import importlib.metadata
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from asl_pkg import contract
from asl_pkg.serving.triton import environment

GIB = 1024**3
MEMORY_GIB, DISK_GIB = 6, 3  # needed by the demo; measured, rounded up


@dataclass(frozen=True)
class DoctorCheck:
    """The result of a check.

    Args:
        name: What was checked.
        fine: Whether the check passed.
        what: What was found.
        remedy: Command that fixes it, or what the optional part is for.
        needed: Whether the demo needs it.
    """

    name: str
    fine: bool
    what: str
    remedy: str = ""
    needed: bool = True

    def __str__(self) -> str:
        """One line."""
        mark = "ok     " if self.fine else "MISSING" if self.needed else "absent "
        return f"{mark} {self.name:12} {self.what}" + (f"; {self.remedy}" if not self.fine else "")


def check_machine() -> Iterator[DoctorCheck]:
    """Check everything that the verbs need or can use.

    Yields:
        The result of each check.
    """
    version = platform.python_version()
    yield DoctorCheck(
        "Python", sys.version_info[:2] == (3, 11), f"{version}, expected 3.11", "apt-get install python3.11"
    )
    yield _packages()
    memory = psutil.virtual_memory().available / GIB
    yield DoctorCheck("memory", memory >= MEMORY_GIB, f"{memory:.0f} GiB free of {MEMORY_GIB}", "close other programs")
    disk = shutil.disk_usage(".").free / GIB
    yield DoctorCheck("disk", disk >= DISK_GIB, f"{disk:.0f} GiB free of {DISK_GIB}", "make clean")
    yield _triton()
    yield _weights()
    for port in (contract.HTTP_PORT, contract.GRPC_PORT, contract.METRICS_PORT, contract.MLFLOW_PORT):
        yield _port(port)
    yield _mlflow()
    for name, use in (
        ("git", "records the commit with each training"),
        ("docker", "runs the container images"),
        ("kind", "creates a local cluster"),
        ("kubectl", "applies the manifests"),
    ):
        path = shutil.which(name)
        yield DoctorCheck(name, bool(path), path or "not on PATH", f"optional: {use}", needed=False)
    yield _kubeconfig()


def _packages() -> DoctorCheck:
    """Whether every package that pyproject.toml requires is installed."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    wanted = [Requirement(line) for line in importlib.metadata.requires("asl-platform") or []]
    found = {
        canonicalize_name(package.metadata["Name"]): package.version for package in importlib.metadata.distributions()
    }
    faults = []
    for requirement in wanted:
        version = found.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            faults.append(f"{requirement.name} {version or 'missing'}, expected {requirement.specifier}")
    return DoctorCheck("packages", not faults, ", ".join(faults) or f"{len(wanted)} as declared", "make install")


def _triton() -> DoctorCheck:
    """Whether the local Triton can start."""
    from asl_pkg.errors import ServingError

    try:
        return DoctorCheck("Triton", True, str(environment.find_triton().folder))
    except ServingError as error:
        return DoctorCheck("Triton", False, str(error), "make install")


def _weights() -> DoctorCheck:
    """Whether the pretrained weights of model=hand are there, as they were published."""
    from asl_pkg.errors import SettingError
    from asl_pkg.models.hand.weights import PRETRAINED, read_weights

    try:
        sizes = [len(read_weights(file)) for file in PRETRAINED]
    except SettingError as error:
        return DoctorCheck("weights", False, str(error), "make install")
    return DoctorCheck("weights", True, f"{len(sizes)} files, {sum(sizes) / 1e6:.0f} MB")


def _port(port: int) -> DoctorCheck:
    """Whether a port is free."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    what = "taken" if taken else "free"
    return DoctorCheck(f"port {port}", not taken, what, "serve uses the next free port", needed=False)


def _mlflow() -> DoctorCheck:
    """Whether the MLflow of the trainings is reachable."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return DoctorCheck("MLflow", True, f"embedded, in {Path('mlruns').resolve()}")
    from asl_pkg.errors import AslError
    from asl_pkg.lineage import tracking

    try:
        tracking.check_tracking()
    except AslError as error:
        return DoctorCheck("MLflow", False, str(error), "unset MLFLOW_TRACKING_URI to use the embedded MLflow")
    return DoctorCheck("MLflow", True, tracking.uri())


def _kubeconfig() -> DoctorCheck:
    """Whether a cluster is configured."""
    path = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    return DoctorCheck(
        "kubeconfig", path.is_file(), str(path), "optional: chooses the cluster for deploy", needed=False
    )
