"""Which packages of an image does nothing in it import? To be run in the image:

docker run --rm -i asl-data:TAG python - <studies/unused_packages.py

Imports whatever asl_pkg imports anywhere, also inside functions, and looks which distributions took no part. Those that
are loaded by name only when a remote asks for them (DVC's, fsspec's) are among them.
"""

import ast
import contextlib
import importlib
import sys
from importlib import metadata
from pathlib import Path

import asl_pkg


def imported() -> set[str]:
    """Every module of others that the code names."""
    found = set()
    for path in Path(asl_pkg.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.partition(".")[0] != "asl_pkg"}


def main() -> None:
    """Print the distributions that were not imported, the greatest first, and what share of all they are."""
    for name in sorted(imported()):
        with contextlib.suppress(Exception):  # of another image, or not a module but a name in one
            importlib.import_module(name)
    loaded = {Path(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    sizes, unused = {}, {}
    for package in metadata.distributions():
        files = [Path(str(package.locate_file(file))) for file in package.files or ()]
        sizes[package.name] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
        if any(file.suffix in (".py", ".so") for file in files) and not loaded & set(files):
            unused[package.name] = sizes[package.name]
    for name, size in sorted(unused.items(), key=lambda item: -item[1]):
        print(f"{size:8.1f} MB  {name}")
    print(f"{sum(unused.values()):8.1f} MB in {len(unused)} packages, of {sum(sizes.values()):.0f} MB in {len(sizes)}")


if __name__ == "__main__":
    main()
