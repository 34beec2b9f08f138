"""From overrides such as `trainer.max_epochs=64` to settings that are checked.

The defaults are those of the dataclasses. An unknown setting, or a value of the wrong type or out of range, is refused
before any work starts.
"""

import dataclasses
import difflib
import functools
import itertools
import os
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from asl_pkg.config.schema import GROUPS, SCHEMAS, SCHEMES, InferenceSettings, PipelineSettings, Settings, TrainSettings
from asl_pkg.errors import SettingError

PATHS = ("path", "path or URL")  # units of settings whose value may begin with `~`
LISTS = "list"  # NAME=PATH,…, as in data.path of a mix
AnySettings = TypeVar("AnySettings", Settings, TrainSettings, PipelineSettings, InferenceSettings)


def walk(schema: type, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Yield (dotted name, field) for every setting of a dataclass, including all choices of a group."""
    for item in dataclasses.fields(schema):
        name = prefix + item.name
        if item.name in GROUPS:
            for choice in GROUPS[item.name].values():
                yield from walk(choice, name + ".")
        elif isinstance(item.type, type) and dataclasses.is_dataclass(item.type):
            yield from walk(item.type, name + ".")
        else:
            yield name, item


def setting_names(schema: type) -> set[str]:
    """Every name that a setting on the command line can have."""
    return {name for name, _ in walk(schema)} | set(_choices(schema))


def kind_of(item: dataclasses.Field[Any]) -> type:
    """The plain type of a setting: int for `int | None`."""
    if isinstance(item.type, types.UnionType):
        return next(option for option in typing.get_args(item.type) if option is not type(None))
    return cast(type, item.type)


def default_of(item: dataclasses.Field[Any]) -> Any:
    """The default of a setting."""
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give settings dotted names, as they are typed.

    Args:
        settings: Result of `dataclasses.asdict`.
        prefix: Prefix of the names.
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def overrides_of(settings: Settings) -> list[str]:
    """Give the overrides that reproduce these settings through `load`."""
    values = flat(dataclasses.asdict(settings))
    groups = [f"{name}={values[f'{name}.name']}" for name in GROUPS if f"{name}.name" in values]
    return groups + [f"{name}={value}" for name, value in values.items()]


def load(schema: type[AnySettings], overrides: Sequence[str] = ()) -> AnySettings:
    """Compose settings from their defaults and overrides.

    Args:
        schema: One of SCHEMAS.
        overrides: `name=value`, as on the command line; strings are taken literally.

    Returns:
        The checked settings.

    Raises:
        SettingError: A name is unknown, or a value is of the wrong type or out of range.
    """
    from hydra import compose, initialize
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    texts, others = _sort(overrides, schema)
    try:
        _register()
        with initialize(None, version_base="1.3"):
            settings = cast(AnySettings, OmegaConf.to_object(compose(schema.__name__, others)))
    except (HydraException, OmegaConfBaseException) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise SettingError(f"{' '.join(others)}: {reason}") from error
    for name, value in texts.items():
        *parents, last = name.split(".")
        setattr(functools.reduce(getattr, parents, settings), last, value)
    _check(settings)
    _expand(settings)
    return settings


def _choices(schema: type) -> dict[str, str]:
    """The default choice of each group."""
    return {item.name: default_of(item).name for item in dataclasses.fields(schema) if item.name in GROUPS}


@functools.cache
def _register() -> None:
    """Register the dataclasses with Hydra: a config per schema, with the default choice of each group."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import MISSING

    store = ConfigStore.instance()
    for group, choices in GROUPS.items():
        for name, choice in choices.items():
            store.store(group=group, name=name, node=choice)
    for schema in SCHEMAS:
        chosen = _choices(schema)
        types = f"{schema.__name__}_types"
        store.store(name=types, node=schema(**dict.fromkeys(chosen, MISSING)))
        defaults = [types, *({group: choice} for group, choice in chosen.items()), "_self_"]
        store.store(name=schema.__name__, node={"defaults": defaults})


def at_home(path: str) -> str:
    """Expand a leading `~`, as a shell does.

    Args:
        path: Path as typed, perhaps `~/…` or `~user/…`.

    Returns:
        The path; it stays as it is if a file has exactly that name.

    Raises:
        SettingError: The home folder is unknown.
    """
    if not path.startswith("~") or os.path.lexists(path):
        return path
    home, slash, rest = path.partition("/")
    found = os.path.expanduser(home)  # noqa: PTH111 - Path's own raises where there is none
    if not Path(found).is_dir():
        raise SettingError(f"{path}: the home folder of {home} is unknown: type the whole path, or set HOME")
    return found + slash + rest


def with_homes(schema: type, overrides: Sequence[str]) -> list[str]:
    """Expand `~` in overrides that are passed on as text.

    Args:
        schema: Dataclass of the settings.
        overrides: `name=value`.

    Returns:
        The overrides, with `~` expanded in paths.

    Raises:
        SettingError: The home folder is unknown.
    """
    units = {name: item.metadata["unit"] for name, item in walk(schema)}
    pairs = [override.partition("=") for override in overrides]
    return [f"{name}{equals}{_at_homes(value, units.get(name, ''))}" for name, equals, value in pairs]


def _at_homes(value: str, unit: str) -> str:
    """Expand `~` in a path or in a list of paths."""
    if unit in PATHS:
        return at_home(value)
    if unit != LISTS:
        return value
    parts = [part.rpartition("=") for part in value.split(",")]
    return ",".join(f"{name}{equals}{at_home(path)}" for name, equals, path in parts)


def _expand(settings: Any) -> None:
    """Expand `~` in every path."""
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if dataclasses.is_dataclass(value):
            _expand(value)
        elif isinstance(value, str):
            setattr(settings, item.name, _at_homes(value, item.metadata["unit"]))


def _sort(overrides: Sequence[str], schema: type) -> tuple[dict[str, str], list[str]]:
    """Check every name; separate strings, which are taken literally, from values that Hydra parses."""
    known, chosen = dict(walk(schema)), _choices(schema)
    texts, others = {}, []
    if "model" in chosen and (choice := former_default(overrides)):
        print(
            "model.width belongs to model=baseline, which is taken: the next release asks for its name", file=sys.stderr
        )
        overrides = [*choice, *overrides]
    for override in itertools.chain.from_iterable(map(_written_out, overrides)):
        name, equals, value = override.partition("=")
        if not equals:
            raise SettingError(f"{override!r} is not a setting; expected name=value")
        if name in chosen and value not in GROUPS[name]:
            raise SettingError(_impossible(override, value, list(GROUPS[name])))
        if name not in chosen and name not in known:
            nearest = difflib.get_close_matches(name, sorted(setting_names(schema)), 1, 0)[0]
            raise SettingError(f"unknown setting {name!r}: did you mean {nearest!r}? `asl VERB --help` lists them")
        if name in chosen:
            chosen[name] = value
        if name in known and kind_of(known[name]) is str:
            texts[name] = value
        else:
            others.append(override)
    for name in (*texts, *(override.partition("=")[0] for override in others)):
        group, _, last = name.partition(".")
        if last and group in chosen and not hasattr(GROUPS[group][chosen[group]], last):
            choices = [f"{group}={choice}" for choice, kind in GROUPS[group].items() if hasattr(kind, last)]
            having = f": it belongs to {' and '.join(choices)}" if choices else ""
            raise SettingError(f"{name}: {group}={chosen[group]} has no such setting{having}")
    return texts, others


def former_default(overrides: Sequence[str]) -> list[str]:
    """Choose BaselineCNN for a `model.width=…` without `model=…`: it was the default when that was enough.

    Args:
        overrides: `name=value`.

    Returns:
        What to put before them: `model=baseline`, or nothing. The next release refuses such a width.
    """
    names = {override.partition("=")[0] for override in overrides}
    return ["model=baseline"] if "model.width" in names and "model" not in names else []


def _written_out(override: str) -> Sequence[str]:
    """Expand `data=s3://bucket/prefix` to `data=s3` and `data.path=s3://bucket/prefix`."""
    name, _, value = override.partition("=")
    scheme, separator, _ = value.partition("://")
    if name == "data" and separator and scheme in SCHEMES:
        return f"data={SCHEMES[scheme]}", f"data.path={value}"
    return (override,)


def range_text(low: float | None, high: float | None) -> str:
    """Describe an allowed range; empty if there is none."""
    if low is None and high is None:
        return ""
    return f"{low:,.10g} to {high:,.10g}" if low is not None and high is not None else f"at least {low:,.10g}"


def _impossible(override: str, value: str, choices: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(value, choices, 1, 0)[0]
    return f"{override}: did you mean {nearest!r}? possible: {', '.join(choices)}"


def _check(settings: Any, prefix: str = "") -> None:
    """Refuse a value outside its range or choices."""
    for item in dataclasses.fields(settings):
        value, name = getattr(settings, item.name), prefix + item.name
        if dataclasses.is_dataclass(value):
            _check(value, name + ".")
            continue
        low, high, choices = (item.metadata[key] for key in ("low", "high", "choices"))
        if choices and value not in choices:
            raise SettingError(_impossible(f"{name}={value}", str(value), choices))
        if value is None or isinstance(value, str):
            continue
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise SettingError(f"{name}={value}: expected {range_text(low, high)} {item.metadata['unit']}".rstrip())
