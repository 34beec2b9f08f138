"""Our container images, tagged by a digest of their content: a changed file gives another tag."""

import hashlib
import os
import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from asl_pkg import contract
from asl_pkg.config.schema import PodSettings
from asl_pkg.lineage.code_version import PROJECT

DIGITS = 12  # of the digest, in a tag
COPIED = re.compile(r"^COPY (?!--from)(.+) \S+$", re.MULTILINE)
ARGUMENT = re.compile(r"^ARG (\w+)=(\S+)$", re.MULTILINE)


def image_names() -> list[str]:
    """List the container images that can be built."""
    return sorted(path.parent.name for path in (PROJECT / "images").glob("*/Dockerfile"))


def image_reference(name: str, tag: str, registry: str = "") -> str:
    """Give the reference of a container image.

    Args:
        name: Short name, such as `train`.
        tag: Content tag, or version of the project.
        registry: Registry, such as `registry.example.com/team`; empty for this machine.
    """
    return f"{registry.rstrip('/')}/asl-{name}:{tag}".removeprefix("/")


def step_images(pod: PodSettings) -> dict[str, str]:
    """Choose the container images of the pipeline's steps.

    Args:
        pod: Settings; an empty image means the one built from these sources.

    Returns:
        Full references by image name.
    """
    return {
        contract.DATA_IMAGE: pod.data_image or image_reference("data", content_tag("data"), pod.registry),
        contract.TRAIN_IMAGE: pod.train_image or image_reference("train", content_tag("train"), pod.registry),
    }


def content_tag(name: str) -> str:
    """Digest a container image's Dockerfile and every file that it copies.

    Args:
        name: Short name, such as `train`; arguments of its Dockerfile, such as TORCH_REQUIREMENTS, are read from the
            environment.

    Returns:
        The first digits of a SHA-256.
    """
    dockerfile = PROJECT / "images" / name / "Dockerfile"
    text = dockerfile.read_text()
    for variable, default in ARGUMENT.findall(text):
        text = text.replace(f"${variable}", os.environ.get(variable, default))
    sources = [PROJECT / word for words in COPIED.findall(text) for word in words.split()]
    digest = hashlib.sha256(text.encode())
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    for path in sorted(file for source in sources for file in [source, *source.rglob("*")]):
        if path.is_file() and _in_build_context(path.relative_to(PROJECT), ignored):
            digest.update(f"\0{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:DIGITS]


def _in_build_context(path: Path, ignored: Iterable[str]) -> bool:
    """Whether a build sees a file: the last line of .dockerignore decides that names it or a folder above it."""
    taken = True
    for line in ignored:
        if any(fnmatch(str(part), line.removeprefix("!")) for part in (path, *path.parents)):
            taken = line.startswith("!")
    return taken
