"""Run the steps of a local run in containers, with the user, settings and files that a process has."""

import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_pkg.errors import AslError

if TYPE_CHECKING:
    from kfp.local import DockerRunner

PASSED = re.compile(r"(ASL|AWS|MLFLOW|OMP)_|(HTTPS?|NO)_PROXY$", re.IGNORECASE)  # variables that steps read
OURS = {"ASL_TRITON_ENV", "ASL_COMMIT"}  # set by the container image, whatever they are here
LABEL = "asl-run"


@contextmanager
def runner(images: Iterable[str], named: Sequence[str], store: str) -> Iterator["DockerRunner"]:
    """Give kfp's runner for the steps; on exit, its remaining containers are killed.

    Args:
        images: Container images that the steps need.
        named: Strings that may name files outside the working folder, such as settings.
        store: The model store.

    Yields:
        The runner.

    Raises:
        AslError: Docker does not answer, or a container image is missing.
    """
    import docker
    from docker.errors import DockerException, ImageNotFound
    from kfp.local import DockerRunner

    try:
        client = docker.from_env()
    except DockerException as error:
        raise AslError(
            f"runner=docker: Docker does not answer ({error}): start its daemon, or use runner=process"
        ) from error
    for image in images:
        try:
            client.images.get(image)
        except ImageNotFound as error:
            raise AslError(f"container image {image} is missing: `make images` builds it from this code") from error
    run = uuid.uuid4().hex
    try:
        yield DockerRunner(**options(named, store), labels={LABEL: run})
    finally:
        for left in client.containers.list(filters={"label": f"{LABEL}={run}"}):
            left.kill()


def options(named: Sequence[str], store: str) -> dict[str, Any]:
    """Give the options of a container: what it may use of this machine.

    Args:
        named: Strings that may name files; existing files are readable at the same paths.
        store: The model store; a folder is writable, like the working folder.

    Returns:
        Arguments for docker's `containers.run`.
    """
    from docker.types import Mount

    if "://" not in store:
        store = str(Path(store).resolve())
        Path(store).mkdir(parents=True, exist_ok=True)
    folder = str(Path.cwd())
    variables = {name: text for name, text in os.environ.items() if PASSED.match(name) and name not in OURS}
    paths = _outside(folder, [store, *named, *variables.values()])
    return {
        "user": f"{os.getuid()}:{os.getgid()}",
        "environment": variables,
        "mounts": [Mount(path, path, type="bind", read_only=path not in (folder, store)) for path in [folder, *paths]],
        "working_dir": folder,
        "network_mode": "host",
        "read_only": True,
        "tmpfs": {"/tmp": "exec"},  # noqa: S108 - in the container; Triton starts its Python backend from there
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
    }


def _outside(folder: str, texts: Sequence[str]) -> list[str]:
    """Absolute paths in some strings that exist and are outside a folder."""
    words = {word for text in texts for word in re.split("[=,]", text) if word.startswith("/") and Path(word).exists()}
    return sorted(word for word in words if not Path(word).is_relative_to(folder))
