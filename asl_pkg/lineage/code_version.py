"""The version of a step's code: the modules of the project that it imports, and the locked packages."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
TEMPLATES = "*.jinja"  # each is named by the module beside it
READ = {
    "asl_pkg/serving/triton/backends": "*.py",
    "images/requirements": "*.txt",
}  # by several

# What they say and how often they ask again changes no result: a new progress line must not train again.
WITHOUT_EFFECT = (
    "asl_pkg/progress.py",
    "asl_pkg/outages.py",
    "asl_pkg/network.py",
    "asl_pkg/k8s/client.py",
    "asl_pkg/k8s/pending_pods.py",
    "asl_pkg/lineage/tracking.py",
)


def code_version(step: str) -> str:
    """Digest the code of a step, part of its cache key: a changed line reruns only the steps that reach it.

    Args:
        step: Name of a step in components/, such as `train`.

    Returns:
        SHA-256 over every module that its component imports, directly or not, settings, templates and lock files.
    """
    return version_of(PROJECT / "components" / f"{step}.py")


def version_of(start: Path) -> str:
    """Digest the code that a module reaches.

    Args:
        start: File of the module.

    Returns:
        SHA-256 over the modules that it imports, directly or not, without WITHOUT_EFFECT, and templates and lock files.
    """
    modules = _reached(start)
    files = {found for folder, pattern in READ.items() for found in (PROJECT / folder).rglob(pattern)}
    files |= {
        found
        for module in modules
        for found in module.parent.glob(TEMPLATES)
        if found.name in module.read_text("utf-8")
    }
    digest = hashlib.sha256()
    for path in sorted((modules | files) - {PROJECT / name for name in WITHOUT_EFFECT}):
        digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _reached(start: Path) -> set[Path]:
    """Files of the project that a module imports, itself included."""
    found: set[Path] = set()
    left = [start]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += _imported(path)
    return found


def _imported(path: Path) -> Iterator[Path]:
    """Files of the project that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                yield from _files(name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name)


def _files(module: str) -> Iterator[Path]:
    """The file of a module and those of its parent packages; none for a module of another project."""
    place = PROJECT
    for part in module.split("."):
        place /= part
        yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())
