"""From overrides such as `trainer.max_epochs=64` to settings that are checked.

The defaults are those of the dataclasses. An unknown setting, or a value of the wrong type or out of range, is refused
before any work starts.
"""

import dataclasses
import difflib
import functools
import itertools
import os
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from asl_pkg.config.schema import GROUPS, SCHEMAS, SCHEMES, InferenceSettings, PipelineSettings, Settings, TrainSettings
from asl_pkg.errors import SettingError

PATHS = ("path", "path or URL")  # units of settings whose value may begin with `~`
LISTS = "list"  # of NAME=PATH, as in data.mix
T = TypeVar("T", Settings, TrainSettings, PipelineSettings, InferenceSettings)


def walk(schema: type, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Yield (dotted name, field) of every setting of a dataclass, those of all choices of a group included."""
    for one in dataclasses.fields(schema):
        name = prefix + one.name
        if one.name in GROUPS:
            for choice in GROUPS[one.name].values():
                yield from walk(choice, name + ".")
        elif isinstance(one.type, type) and dataclasses.is_dataclass(one.type):
            yield from walk(one.type, name + ".")
        else:
            yield name, one


def setting_names(schema: type) -> set[str]:
    """Every name that a setting on the command line can have."""
    return {name for name, _ in walk(schema)} | set(_choices(schema))


def kind_of(one: dataclasses.Field[Any]) -> type:
    """The plain type of a setting: int for `int | None`."""
    if isinstance(one.type, types.UnionType):
        return next(option for option in typing.get_args(one.type) if option is not type(None))
    return cast(type, one.type)


def default_of(one: dataclasses.Field[Any]) -> Any:
    """The default of a setting."""
    return one.default if one.default_factory is dataclasses.MISSING else one.default_factory()


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give settings dotted names, as they are typed.

    Args:
        settings: of `dataclasses.asdict`.
        prefix: of the names.
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def overrides_of(settings: Settings) -> list[str]:
    """Give what to type for the same settings again: `load` makes them of it."""
    values = flat(dataclasses.asdict(settings))
    groups = [f"{name}={values[f'{name}.name']}" for name in GROUPS if f"{name}.name" in values]
    return groups + [f"{name}={value}" for name, value in values.items()]


def load(schema: type[T], overrides: Sequence[str] = ()) -> T:
    """Compose settings from their defaults and overrides.

    Args:
        schema: one of SCHEMAS.
        overrides: `name=value`, as on the command line; texts are taken literally.

    Returns:
        The settings, every one checked.

    Raises:
        SettingError: a name is unknown, or a value is of the wrong type or out of range.
    """
    from hydra import compose, initialize
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    texts, others = _sort(overrides, schema)
    try:
        _register()
        with initialize(None, version_base="1.3"):
            settings = cast(T, OmegaConf.to_object(compose(schema.__name__, others)))
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
    """Give Hydra the dataclasses: a schema names the choice of each of its groups, the groups hold the rest."""
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
    """Write out the home folder that a path begins with, as a shell does where it sees one.

    Args:
        path: as typed, perhaps `~/…` or `~user/…`.

    Returns:
        The path; one that exists under the very name stays as it is.

    Raises:
        SettingError: nobody knows that home folder.
    """
    if not path.startswith("~") or os.path.lexists(path):
        return path
    home, slash, rest = path.partition("/")
    found = os.path.expanduser(home)  # noqa: PTH111 - Path's own raises where there is none
    if not Path(found).is_dir():
        raise SettingError(f"{path}: no home folder of {home} is known here: write the path out, or set HOME")
    return found + slash + rest


def with_homes(schema: type, overrides: Sequence[str]) -> list[str]:
    """Write out the home folder in settings that are handed on as texts.

    Args:
        schema: of the settings.
        overrides: `name=value`.

    Returns:
        The same, `~` written out in paths.

    Raises:
        SettingError: nobody knows that home folder.
    """
    units = {name: one.metadata["unit"] for name, one in walk(schema)}
    pairs = [override.partition("=") for override in overrides]
    return [f"{name}{equals}{_at_homes(value, units.get(name, ''))}" for name, equals, value in pairs]


def _at_homes(value: str, unit: str) -> str:
    """Write out the home folder in a path or in a list of them."""
    if unit in PATHS:
        return at_home(value)
    if unit != LISTS:
        return value
    parts = [part.rpartition("=") for part in value.split(",")]
    return ",".join(f"{name}{equals}{at_home(path)}" for name, equals, path in parts)


def _expand(settings: Any) -> None:
    """Write out the home folder in every path."""
    for one in dataclasses.fields(settings):
        value = getattr(settings, one.name)
        if dataclasses.is_dataclass(value):
            _expand(value)
        elif isinstance(value, str):
            setattr(settings, one.name, _at_homes(value, one.metadata["unit"]))


def _sort(overrides: Sequence[str], schema: type) -> tuple[dict[str, str], list[str]]:
    """Check every name; set texts apart, which Hydra's grammar must not touch, from what Hydra shall parse."""
    known, chosen = dict(walk(schema)), _choices(schema)
    texts, others = {}, []
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
            raise SettingError(f"{name}: {group}={chosen[group]} has no such setting")
    return texts, others


def _written_out(override: str) -> Sequence[str]:
    """`data=s3://bucket/prefix` as `data=s3` and `data.path=s3://bucket/prefix`; any other setting as it is."""
    name, _, value = override.partition("=")
    scheme, separator, _ = value.partition("://")
    if name == "data" and separator and scheme in SCHEMES:
        return f"data={SCHEMES[scheme]}", f"data.path={value}"
    return (override,)


def _impossible(override: str, value: str, choices: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(value, choices, 1, 0)[0]
    return f"{override}: did you mean {nearest!r}? possible: {', '.join(choices)}"


def _check(settings: Any, prefix: str = "") -> None:
    """Refuse a value outside its range or choices."""
    for one in dataclasses.fields(settings):
        value, name = getattr(settings, one.name), prefix + one.name
        if dataclasses.is_dataclass(value):
            _check(value, name + ".")
            continue
        low, high, choices = (one.metadata[key] for key in ("low", "high", "choices"))
        if choices and value not in choices:
            raise SettingError(_impossible(f"{name}={value}", str(value), choices))
        if value is None or isinstance(value, str):
            continue
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            span = f"{'' if low is None else low} to {'' if high is None else high}".strip()
            raise SettingError(f"{name}={value}: possible is {span} {one.metadata['unit']}".rstrip())
