"""One vocabulary: a public name means one thing in the package, and a call reads without its module."""

import ast
from collections import defaultdict
from pathlib import Path

from tests.conftest import PROJECT

PACKAGE = PROJECT / "asl_pkg"
SOURCES = PACKAGE / "data" / "sources"
COMMANDS = PACKAGE / "commands"


def defined(path: Path) -> set[str]:
    """Functions, classes and constants at the top of a module, public ones only."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def imported(path: Path) -> set[str]:
    """Names that a module imports from others by name."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}


def is_constant(name: str) -> bool:
    return name == name.upper()


def same_meaning(name: str, places: list[Path]) -> bool:
    """A verb and its command; the protocol that every kind of source has; what starts a program."""
    verbs = [place for place in places if place.parent != COMMANDS]
    return (
        (len(verbs) == 1 and verbs[0].parent == PACKAGE)
        or (name == "open_source" and all(place.parent == SOURCES for place in places))
        or name == "main"
    )


def test_no_public_name_means_two_things() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))
    used = {name for path in modules for name in imported(path)}
    places = defaultdict(list)
    for path in modules:
        for name in defined(path):
            if not is_constant(name) or name in used:  # a constant of its own module needs no longer name
                places[name].append(path)
    twice = {
        name: [str(path.relative_to(PROJECT)) for path in found]
        for name, found in places.items()
        if len(found) > 1 and not same_meaning(name, found)
    }
    assert not twice


def test_no_loop_variable_is_called_one() -> None:
    loops = (ast.For, ast.comprehension)
    found = [
        str(path.relative_to(PROJECT))
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, loops) and any(isinstance(n, ast.Name) and n.id == "one" for n in ast.walk(node.target))
    ]
    assert not found
