"""The help texts, made from the verbs' docstrings and the settings' dataclasses alone."""

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
        function: what it does; its docstring is its help.
        schema: the dataclass of its settings, None where it has none.
        sections: the settings or groups of `schema` that it reads; empty for all.
        takes: what it takes besides settings.
        common: names of the settings that people change first, shown first.
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
    """The answer to `asl --help`: a line a verb.

    Args:
        verbs: by name.

    Returns:
        The text.
    """
    width = max(map(len, verbs))
    lines = [f"  {name:{width}}  {verb.summary}" for name, verb in verbs.items()]
    head = (
        "usage: asl VERB [setting=value …] [--debug]\n\nThe American Sign Language alphabet, from images to a letter."
    )
    foot = "`asl VERB --help` lists a verb's settings. --debug shows the traceback of an error, --version the version."
    return "\n".join([head, "", *lines, "", foot])


def describe(name: str, verb: Verb) -> str:
    """The answer to `asl VERB --help`: what it does, and every setting with unit and default.

    Args:
        name: of the verb.
        verb: the verb.

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
    """The word that `word` most probably meant."""
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
    for one in dataclasses.fields(schema):
        if sections and one.name not in sections:
            continue
        if one.name not in GROUPS:
            yield from (_line(name, field) for name, field in walk(schema) if name.partition(".")[0] == one.name)
            continue
        chosen = default_of(one).name
        yield _choices(one.name, chosen)
        said = {"name": ""} | {name: field.metadata["help"] for name, field in walk(cast(type, one.type))}
        yield from (_line(f"{one.name}.{name}", field) for name, field in walk(cast(type, one.type)) if name != "name")
        for choice, kind in GROUPS[one.name].items():
            yield f"  {one.name}={choice}: {kind.__doc__}"
            # a setting that means what it means for an earlier choice is said once
            yield from (
                _line(f"{one.name}.{name}", field)
                for name, field in walk(kind)
                if name != "name" and said.get(name) != field.metadata["help"]
            )
            said |= {name: field.metadata["help"] for name, field in walk(kind) if name not in said}


def _choices(group: str, default: str) -> str:
    return f"  {group}={'|'.join(GROUPS[group])} [{default}]"


def _line(name: str, one: dataclasses.Field[Any]) -> str:
    default, meta = default_of(one), one.metadata
    what = "|".join(meta["choices"]) or meta["unit"] or kind_of(one).__name__
    shown = json.dumps(default).strip('"') or "empty"
    return f"    {name}=<{what}> ".ljust(46) + f"{meta['help']} [{shown}]"
