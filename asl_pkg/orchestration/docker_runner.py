"""Each step of a local run in a container of its image, given what a process has: the user, the settings, the files."""

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

PASSED = re.compile(r"(ASL|AWS|MLFLOW|OMP)_|(HTTPS?|NO)_PROXY$", re.IGNORECASE)  # the variables that steps heed
OURS = {"ASL_TRITON_ENV", "ASL_COMMIT"}  # of the image, whatever they are here
LABEL = "asl-run"


@contextmanager
def runner(images: Iterable[str], named: Sequence[str], store: str) -> Iterator["DockerRunner"]:
    """What kfp starts the steps with; on leaving, no container of it runs on.

    Args:
        images: that the steps need.
        named: texts that may name files outside the working folder, such as settings.
        store: the model store.

    Yields:
        The runner.

    Raises:
        AslError: no Docker answers, or an image is not there.
    """
    import docker
    from docker.errors import DockerException, ImageNotFound
    from kfp.local import DockerRunner

    try:
        client = docker.from_env()
    except DockerException as error:
        raise AslError(f"runner=docker: no Docker answers ({error}): start its daemon, or runner=process") from error
    for image in images:
        try:
            client.images.get(image)
        except ImageNotFound as error:
            raise AslError(f"Docker has no image {image}: `make images` builds ours of the code as it is") from error
    run = uuid.uuid4().hex
    try:
        yield DockerRunner(**options(named, store), labels={LABEL: run})
    finally:
        for left in client.containers.list(filters={"label": f"{LABEL}={run}"}):
            left.kill()


def options(named: Sequence[str], store: str) -> dict[str, Any]:
    """What a container is given of this machine, and what it is denied.

    Args:
        named: texts that may name files; those that exist can be read at their own paths.
        store: the model store; where it is a folder it can be written, as can the working folder.

    Returns:
        Arguments of docker's `containers.run`.
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
        "mounts": [Mount(one, one, type="bind", read_only=one not in (folder, store)) for one in [folder, *paths]],
        "working_dir": folder,
        "network_mode": "host",
        "read_only": True,
        "tmpfs": {"/tmp": "exec"},  # noqa: S108 - in the container; Triton starts its Python backend from there
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
    }


def _outside(folder: str, texts: Sequence[str]) -> list[str]:
    """The absolute paths in some texts that exist and do not lie in a folder."""
    words = {word for text in texts for word in re.split("[=,]", text) if word.startswith("/") and Path(word).exists()}
    return sorted(word for word in words if not Path(word).is_relative_to(folder))
