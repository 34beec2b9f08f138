"""The help texts, generated from the verbs' docstrings and the settings' dataclasses."""

import dataclasses
import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from asl_pkg.config.load import default_of, kind_of, walk
from asl_pkg.config.schema import GROUPS


@dataclass(frozen=True)
class Verb:
    """A verb of the command line.

    Args:
        function: Function of the verb; its docstring is the help text.
        schema: Dataclass of its settings; None without settings.
        sections: Settings and groups of `schema` that it reads; empty for all.
        takes: Arguments besides settings, as the usage line shows them.
        common: Settings that users change first; shown first.
    """

    function: Callable[..., None]
    schema: type | None = None
    sections: tuple[str, ...] = ()
    takes: str = ""
    common: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


def overview(verbs: dict[str, Verb]) -> str:
    """Give the text of `asl --help`: one line per verb.

    Args:
        verbs: Verbs by name.

    Returns:
        The text.
    """
    width = max(map(len, verbs))
    lines = [f"  {name:{width}}  {verb.summary}" for name, verb in verbs.items()]
    head = "usage: asl VERB [setting=value …] [--debug]\n\nRecognise letters of American Sign Language in images."
    foot = "`asl VERB --help` lists a verb's settings. --debug shows the traceback of an error, --version the version."
    return "\n".join([head, "", *lines, "", foot])


def verb_help(name: str, verb: Verb) -> str:
    """Give the text of `asl VERB --help`: what it does, and every setting with unit and default.

    Args:
        name: Name of the verb.
        verb: The verb.

    Returns:
        The text.
    """
    settings = " [setting=value …]" if verb.schema else ""
    lines = [f"usage: asl {name}{' ' + verb.takes if verb.takes else ''}{settings}", ""]
    lines += [line.removeprefix("    ") for line in (verb.function.__doc__ or "").strip().splitlines()]
    if verb.schema:
        common = list(_common(verb.schema, verb.common))
        rest = [line for line in _settings(verb.schema, verb.sections) if line not in common]
        lines += ["", "common settings:", *common, "", "further settings:"] if common else ["", "settings:"]
        lines += rest
    return "\n".join(lines)


def nearest(word: str, words: list[str]) -> str:
    """The word that `word` most likely stands for."""
    return difflib.get_close_matches(word, words, 1, 0)[0]


def _common(schema: type, names: tuple[str, ...]) -> Iterator[str]:
    known: dict[str, dataclasses.Field[Any]] = {}
    for name, field in walk(schema):
        known.setdefault(name, field)  # data.path means a folder first
    for name in names:
        if name in GROUPS:
            group = next(field for field in dataclasses.fields(schema) if field.name == name)
            yield _choices(name, default_of(group).name)
        else:
            yield _line(name, known[name])


def _settings(schema: type, sections: tuple[str, ...]) -> Iterator[str]:
    for section in dataclasses.fields(schema):
        if sections and section.name not in sections:
            continue
        if section.name not in GROUPS:
            yield from (_line(name, field) for name, field in walk(schema) if name.partition(".")[0] == section.name)
            continue
        chosen = default_of(section).name
        yield _choices(section.name, chosen)
        said = {"name": ""} | {name: field.metadata["help"] for name, field in walk(cast(type, section.type))}
        yield from (
            _line(f"{section.name}.{name}", field) for name, field in walk(cast(type, section.type)) if name != "name"
        )
        for choice, kind in GROUPS[section.name].items():
            yield f"  {section.name}={choice}: {kind.__doc__}"
            # list a setting only once if it means the same for an earlier choice
            yield from (
                _line(f"{section.name}.{name}", field)
                for name, field in walk(kind)
                if name != "name" and said.get(name) != field.metadata["help"]
            )
            said |= {name: field.metadata["help"] for name, field in walk(kind) if name not in said}


def _choices(group: str, default: str) -> str:
    return f"  {group}={'|'.join(GROUPS[group])} [{default}]"


def _line(name: str, item: dataclasses.Field[Any]) -> str:
    default, meta = default_of(item), item.metadata
    what = "|".join(meta["choices"]) or meta["unit"] or kind_of(item).__name__
    shown = json.dumps(default).strip('"') or "empty"
    return f"    {name}=<{what}> ".ljust(46) + f"{meta['help']} [{shown}]"
