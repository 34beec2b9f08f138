"""Generate pages of the site from the code: settings, the tree, and the API reference."""

import ast
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from asl_pkg import contract
from asl_pkg.bundle.manifest import Manifest
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.config.load import default_of, kind_of, range_text, walk
from asl_pkg.config.schema import GROUPS, InferenceSettings, PipelineSettings
from asl_pkg.monitoring.drift import DriftReport
from asl_pkg.storage.json_model import schema_of
from asl_pkg.validation.golden import GoldenBody
from asl_pkg.validation.report_body import ReportBody

PROJECT = Path(__file__).parents[1]
TREE = "<!-- tree -->"
SCHEMAS = {
    contract.BUNDLE_FILE: Manifest,
    contract.REPORT_FILE: ReportBody,
    contract.GOLDEN_FILE: GoldenBody,
    contract.MONITOR_FILE: DriftReport,
    contract.SERVING_FILE: Serving,
}
CODE = ("asl_pkg", "components", "pipelines")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the reference page of each package to the navigation."""
    pages = [{"Overview": "reference/index.md"}, *({name: path} for name, path in _reference())]
    config.nav = [{"Reference": pages} if "Reference" in item else item for item in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file holds."""
    made = {"configuration.md": _configuration(), "schemas.md": _schemas(), "reference/index.md": _overview()}
    made |= {path: _page(name) for name, path in _reference()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Insert the tree into the page about the architecture."""
    return markdown.replace(TREE, "\n".join(["```text", *_tree(), "```"])) if TREE in markdown else markdown


def _packages() -> list[Path]:
    """All packages, sorted by name."""
    found = (path.parent for root in CODE for path in (PROJECT / root).rglob("__init__.py"))
    return sorted(folder.relative_to(PROJECT) for folder in found)


def _modules(package: Path) -> list[str]:
    """Dotted names of the modules in a package, without those of its sub-packages."""
    files = sorted((PROJECT / package).glob("*.py"))
    return [".".join([*package.parts, file.stem]) for file in files if not file.stem.startswith("__")]


def _reference() -> list[tuple[str, str]]:
    """Dotted name and page of each package with modules."""
    return [
        (".".join(package.parts), f"reference/{'.'.join(package.parts)}.md")
        for package in _packages()
        if _modules(package)
    ]


def _overview() -> str:
    rows = [f"| [{name}]({name}.md) | {_summary(_file(name))} |" for name, _ in _reference()]
    return "\n".join(
        ["# Reference", "", "The public functions and classes, by package.", "", "| package | |"] + ["|---|---|", *rows]
    )


def _page(name: str) -> str:
    blocks = (f"::: {module}" for module in _modules(Path(*name.split("."))))
    return "\n\n".join([f"# {name}", _summary(_file(name)), *blocks])


def _file(package: str) -> Path:
    return PROJECT.joinpath(*package.split("."), "__init__.py")


def _summary(file: Path) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _tree() -> Iterator[str]:
    """One line per package and module, with the first line of its docstring."""
    for package in _packages():
        depth = "  " * (len(package.parts) - 1)
        yield f"{depth}{package.name}/".ljust(34) + _summary(PROJECT / package / "__init__.py")
        for module in _modules(package):
            file = PROJECT / Path(*module.split(".")).with_suffix(".py")
            yield f"{depth}  {file.name}".ljust(34) + _summary(file)


def _schemas() -> str:
    """JSON Schema of the files that programs of users may read."""
    lines = [
        "# JSON files",
        "",
        "What the steps write for programs, as JSON Schema. Files of earlier versions still load.",
    ]
    for name, kind in SCHEMAS.items():
        schema = json.dumps(schema_of(kind), indent=2)
        lines += ["", f"## {name}", "", (kind.__doc__ or "").partition("\n")[0], "", "```json", schema, "```"]
    return "\n".join(lines)


def _configuration() -> str:
    lines = [
        "# Configuration",
        "",
        "Every setting of `asl pipeline run`, which takes those of all steps, and of the verbs that use a model.",
        "`asl VERB --help` lists those of one verb. Type `name=value`; the defaults are in `asl_pkg/config/schema.py`.",
    ]
    for title, schema in (("Steps and pipeline", PipelineSettings), ("Inference and monitoring", InferenceSettings)):
        lines += ["", f"## {title}", "", *_rows(item for item in walk(schema) if "." not in item[0])]
        for group in dataclasses.fields(cast(Any, schema)):
            if dataclasses.is_dataclass(group.type):
                lines += _group(group)
    return "\n".join(lines)


def _group(group: dataclasses.Field[Any]) -> list[str]:
    """Heading and table for a group of settings and for each of its choices."""
    kind = cast(type, group.type)
    lines = ["", f"### {group.name}", "", kind.__doc__ or "", "", *_rows(walk(kind), group.name)]
    shared = {name for name, _ in walk(kind)}
    for choice, cls in GROUPS.get(group.name, {}).items():
        own = [item for item in walk(cls) if item[0] not in shared]
        lines += ["", f"#### {group.name}={choice}", "", cls.__doc__ or "", "", *_rows(iter(own), group.name)]
    return lines


def _rows(settings: Iterator[tuple[str, dataclasses.Field[Any]]], prefix: str = "") -> list[str]:
    """A table of settings: name, meaning, values, default."""
    rows = []
    for name, field in settings:
        if name == "name" and prefix in GROUPS:
            continue
        meta, default = field.metadata, json.dumps(default_of(field)).strip('"') or "empty"
        values = [
            " ".join(filter(None, [kind_of(field).__name__, meta["unit"]])),
            range_text(meta["low"], meta["high"]),
        ]
        what = ", ".join(f"`{choice}`" for choice in meta["choices"]) or " ".join(filter(None, values))
        rows.append(f"| `{'.'.join(filter(None, [prefix, name]))}` | {meta['help']} | {what} | `{default}` |")
    return ["| setting | meaning | values | default |", "|---|---|---|---|", *rows] if rows else []
