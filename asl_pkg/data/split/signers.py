"""Whose hand an image shows: what the source, the user's table or the folders say, and what remains doubtful.

A person in both training and test makes an accuracy too high. So all that could be one person is grouped, and whatever
is uncertain becomes a warning; with a warning the test's signers are not called unseen.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from asl_pkg.data.sample import UNKNOWN_SIGNER, label_of
from asl_pkg.data.split.folder_names import FolderName, NameKind, names_half, person_key, read_name
from asl_pkg.data.split.splitting import MIN_GROUPS
from asl_pkg.errors import DataError

MOST_UNKNOWN = 0.01  # largest share of images without a signer's folder or a row in the table
EXAMPLES = 3
SETTLES = "set data.signers_csv=FILE with columns path,signer to settle it"
NOBODY = "the signers are unknown"
NOBODYS = set(
    map(
        person_key,
        [
            *("", "unknown", "unk", "n/a", "na", "nan", "none", "null", "nil", "tbd", "anonymous", "anon", "missing"),
            *("unbekannt", "inconnu", "desconocido", "not known", "no name", "unnamed", "unknown signer"),
            *("unknown person", "#REF!", "#VALUE!", "#DIV/0!"),
        ],
    )
)
NEGATIVE = re.compile(r"\s*[-\u2212]\d+(\.0*)?\s*")  # used for an unknown number
RARE = 0.1  # of another signer's images: one with fewer, whose name differs by a letter, may be misspelled


@dataclass(frozen=True)
class People:
    """Whose hands a data set shows.

    Args:
        signers: Signer of each image; UNKNOWN_SIGNER if unknown.
        found: How they were found.
        warnings: What remains uncertain, one sentence each; with any, no signer is called unseen.
    """

    signers: list[str]
    found: str
    warnings: tuple[str, ...] = ()

    @property
    def said(self) -> list[str]:
        """How they were found, and all warnings."""
        return [self.found, *self.warnings]


class SignerFolder(NamedTuple):
    """A folder above class folders: its path, how many images lie there, and what may name their signer."""

    path: str
    images: int
    example: str
    depth: int
    names: tuple[tuple[int, FolderName], ...]

    @property
    def keys(self) -> list[str]:
        """Keys of the names that may be the signer's, from the outermost level."""
        return [name.key for _, name in self.names]


def spelled_once(names: Sequence[str], mixed: bool = False) -> tuple[list[str], list[list[str]]]:
    """Unify spellings: names that differ in case, blanks, punctuation, accents or Unicode form are the same.

    Args:
        names: Names as written.
        mixed: Whether they begin with the name of a part of a mix and a slash.

    Returns:
        The names in their most frequent spelling, UNKNOWN_SIGNER for those that name nobody; and the spellings that
        were unified.
    """
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    read = [_read(name, mixed) for name in names]
    for key, name in read:
        spellings[key][name] += 1
    usual = {key: min(found, key=lambda name: (-found[name], name)).strip() for key, found in spellings.items()}
    usual[UNKNOWN_SIGNER] = UNKNOWN_SIGNER
    together = [sorted(found) for key, found in sorted(spellings.items()) if len(found) > 1 and key != UNKNOWN_SIGNER]
    return [usual[key] for key, _ in read], together


def _read(name: str, mixed: bool) -> tuple[str, str]:
    """Key and name; for a name of nobody, those of its part of a mix."""
    part, _, own = name.partition("/") if mixed else ("", "", name)
    key = person_key(own)
    if key in NOBODYS or NEGATIVE.fullmatch(own):
        return (part or UNKNOWN_SIGNER,) * 2
    return f"{part}/{key}" if part else key, name


def people_of_source(signers: Sequence[str], how: str, mixed: bool = False) -> People:
    """Use the signers that the source or the table names.

    Args:
        signers: Signer of each image, as the source or the table has it.
        how: Origin of the names.
        mixed: Whether they begin with the name of a part: the parts then show different people.

    Returns:
        The signers, with unified spellings.
    """
    named, together = spelled_once(signers, mixed)
    warnings = [f"{' and '.join(map(repr, spellings))} were taken for one signer" for spellings in together[:EXAMPLES]]
    said = f"{_listed(set(named) - {UNKNOWN_SIGNER})} from {how}" + (f"; {'; '.join(warnings)}" if warnings else "")
    return People(named, said, (*_unknown_warnings(named, mixed), *_name_warnings(named, mixed)))


def _unknown_warnings(named: Sequence[str], mixed: bool) -> Iterable[str]:
    unknown = sum(name == UNKNOWN_SIGNER for name in named)
    if unknown:
        yield f"{unknown:,} of {len(named):,} images have no signer and may show one of the others; {SETTLES}"
    if mixed:
        parts = {name.partition("/")[0] for name in named if "/" in name}
        for part in sorted(parts & set(named)):
            yield f"some images of {part!r} have no signer and may show one of its other signers; {SETTLES}"


def _name_warnings(named: Sequence[str], mixed: bool) -> Iterable[str]:
    """Warn about names that may be parts of the data set, or one person's with a suffix or a typing error."""
    images = Counter(name.partition("/")[0] if mixed else name for name in named if name != UNKNOWN_SIGNER)
    names = sorted(images)
    if halves := [name for name in names if names_half(name)]:
        yield _unclear(halves, "may be people or parts of the set")
    for key, group in itertools.groupby(sorted(names, key=_own_key), key=_own_key):
        if key and len(same := list(group)) > 1:
            yield _unclear(same, "may be the same person")
            return
    for name in names:
        usual = [other for other in names if images[name] <= RARE * images[other]]
        if slips := [other for other in usual if _slip(person_key(name), person_key(other))]:
            yield _unclear([name, *slips], "differ by a letter and may be the same person")
            return


def _own_key(name: str) -> str:
    """Key of a name without words for sessions, splits and the like."""
    return read_name(name).key


def _slip(name: str, other: str) -> bool:
    """Whether words differ by one changed, added or missing letter, or by two swapped ones."""
    short, long = sorted((name, other), key=len)
    if len(long) - len(short) > 1 or any(char.isdecimal() for char in name + other):
        return False
    at = next((at for at, char in enumerate(short) if char != long[at]), len(short))
    swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return swapped or long[at + 1 :] in (short[at:], short[at + 1 :])


def people_of_folders(paths: Sequence[str]) -> People:
    """Use the folders above the class folders as signers: …/<SIGNER>/<CLASS>/<name>.

    Folders for splits, sessions, days, cameras and the like may lie above or below the signer's: the same name in
    several of them is the same person. Where several levels may name people, images that share a name at any level
    stay together.

    Args:
        paths: Paths of all images in the source.

    Returns:
        The signers: paths of their folders if each has one, else their names. UNKNOWN_SIGNER where there is only one
        such folder, where the folders are parts of one data set, or where it is not clear which of them name people.

    Raises:
        DataError: More than MOST_UNKNOWN of the images lie in no signer's folder.
    """
    above = [PurePosixPath(path).parent.parent.as_posix() for path in paths]
    folders = _without_common(_folders(paths, above))
    group_of, warnings = _groups(folders)
    signers = group_of.values()
    if len(set(signers)) < 2:
        return People([UNKNOWN_SIGNER] * len(paths), NOBODY if warnings else _nobody(folders), tuple(warnings))
    outside = [folder for folder in folders if folder.path not in group_of]
    warnings += _outside_warnings(folders, outside, len(set(signers)))
    known = _named(folders, group_of)
    found = f"{_listed(set(known.values()))} from the folders above the classes"
    return People([known.get(folder, UNKNOWN_SIGNER) for folder in above], found, tuple(warnings))


def _folders(paths: Sequence[str], above: Sequence[str]) -> list[SignerFolder]:
    classes: dict[str, set[int | None]] = defaultdict(set)
    images: Counter[str] = Counter(above)
    example: dict[str, str] = {}
    for path, folder in zip(paths, above, strict=True):
        classes[folder].add(label_of(PurePosixPath(path).parent.name))
        example.setdefault(folder, path)
    found = []
    for folder in sorted(images):
        parts = PurePosixPath(folder).parts
        names = [(level, read_name(part)) for level, part in enumerate(parts) if {label_of(part)} != classes[folder]]
        found.append(SignerFolder(folder, images[folder], example[folder], len(parts), tuple(names)))
    said = any(_said(folder.names) for folder in found)
    return [folder._replace(names=_said(folder.names) if said else _guessed(folder.names)) for folder in found]


def _said(names: Sequence[tuple[int, FolderName]]) -> tuple[tuple[int, FolderName], ...]:
    """Names marked as a person's: user_1, or the level below users."""
    persons = [(level, name) for level, name in names if name.kind is NameKind.PERSON]
    holders = [level for level, name in names if name.kind is NameKind.HOLDER]
    below = [(level, name) for level, name in _guessed(names) if holders and level > holders[-1]]
    return tuple(persons or [(level, name._replace(kind=NameKind.PERSON)) for level, name in below[:1]])


def _guessed(names: Sequence[tuple[int, FolderName]]) -> tuple[tuple[int, FolderName], ...]:
    return tuple(
        (level, name) for level, name in names if name.kind in (NameKind.NAME, NameKind.NUMBER, NameKind.PERSON)
    )


def _without_common(folders: Sequence[SignerFolder]) -> list[SignerFolder]:
    """Leave out names that all images share: they do not distinguish signers."""
    common = set.intersection(*(set(folder.keys) for folder in folders)) if folders else set()
    return [
        folder._replace(names=tuple(level_name for level_name in folder.names if level_name[1].key not in common))
        for folder in folders
    ]


def _groups(folders: Sequence[SignerFolder]) -> tuple[dict[str, str], list[str]]:
    """Group the folders that may show one person; returns the group of each named folder, and warnings."""
    named = [folder for folder in folders if folder.names]
    bare = [folder for folder in folders if not folder.names and folder.depth]
    several = max((len(folder.names) for folder in named), default=0) > 1
    if len({key for folder in named for key in folder.keys}) < 2:
        return {}, []
    level_of = {folder.depth: level for folder in named for level, _ in folder.names}
    for folder in bare:
        if folder.depth in level_of:
            beside = PurePosixPath(folder.path).parts[level_of[folder.depth]]
            return {}, [_unclear([beside], f"is a part of the set or a person, as {_some(named)}")]
    groups = _together(named)
    if several and len(set(groups.values())) < MIN_GROUPS:
        return _of_names_only(named)
    warnings = []
    if len({len(folder.names) for folder in named}) > 1:
        longer = max(named, key=lambda folder: len(folder.names))
        warnings.append(_unclear([longer.path], "has more levels than other signers' folders"))
    return groups, warnings + _weak(named) + _alike(named, groups)


def _of_names_only(named: Sequence[SignerFolder]) -> tuple[dict[str, str], list[str]]:
    """Use the level with names where the others have numbers; it may still be the wrong one."""
    warning = _unclear([named[0].path, named[-1].path], "may name the people at either level")
    words = [
        folder._replace(
            names=tuple(level_name for level_name in folder.names if level_name[1].kind is not NameKind.NUMBER)
        )
        for folder in named
    ]
    if all(len(folder.names) == 1 for folder in words):
        return _together(words), [warning]
    return {}, [warning]


def _together(named: Sequence[SignerFolder]) -> dict[str, str]:
    """Group of each folder: folders that share a name at any level, or a stem such as ann1 and ann2, are one group."""
    stems: dict[int, set[str]] = defaultdict(
        set
    )  # a stem that all folders of a level share, such as site1, says nothing
    for folder in named:
        for position, (_, name) in enumerate(folder.names):
            stems[position].add(name.stem)
    parent: dict[Hashable, Hashable] = {}

    def root(node: Hashable) -> Hashable:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for folder in named:
        for position, (_, name) in enumerate(folder.names):
            parent[root(("name", name.key))] = root(folder.path)
            if len(stems[position]) > 1 and name.kind is NameKind.NAME:
                parent[root(("stem", name.stem))] = root(folder.path)
    return {folder.path: str(root(folder.path)) for folder in named}


def _weak(named: Sequence[SignerFolder]) -> list[str]:
    """Warn about names that fit sessions as well as people."""
    names = [name for folder in named for _, name in folder.names]
    examples = sorted({PurePosixPath(folder.path).parts[level] for folder in named for level, _ in folder.names})
    if all(name.kind is NameKind.NUMBER for name in names):
        return [_unclear(examples, "may be people or parts of the set")]
    if all(name.kind is NameKind.NAME for name in names) and len({name.stem for name in names}) == 1:
        return [_unclear(examples, "may be several people or the same one")]
    return []


def _alike(named: Sequence[SignerFolder], groups: Mapping[str, str]) -> list[str]:
    """Warn about names that share a word, such as ann_home and ann_work, unless all do: they may be one person's."""
    holders: dict[str, dict[str, str]] = defaultdict(dict)
    for folder in named:
        for level, name in folder.names:
            for word in name.words:
                holders[word].setdefault(groups[folder.path], PurePosixPath(folder.path).parts[level])
    several = len(set(groups.values()))
    shared = [sorted(found.values()) for _, found in sorted(holders.items()) if 1 < len(found) < several]
    return [_unclear(shared[0], "share a word and may be the same person")] if shared else []


def _unclear(examples: Sequence[str], what: str) -> str:
    return f"it is not clear who the people are: {', '.join(examples[:EXAMPLES])} {what}; {SETTLES}"


def _outside_warnings(folders: Sequence[SignerFolder], outside: Sequence[SignerFolder], groups: int) -> list[str]:
    if not outside:
        return []
    images, total = sum(folder.images for folder in outside), sum(folder.images for folder in folders)
    inside = next(folder for folder in folders if folder not in outside)
    said = (
        f"{images:,} of {total:,} images lie in no signer's folder, as {outside[0].example}, and others do, "
        f"as {inside.example}"
    )
    if images > MOST_UNKNOWN * total and groups >= MIN_GROUPS:
        raise DataError(f"{said}: move them, or {SETTLES} (an empty signer is an unknown one)")
    return [f"{said}; {SETTLES}"]


def _named(folders: Sequence[SignerFolder], group_of: dict[str, str]) -> dict[str, str]:
    """Signer of each folder: its path if each signer has one folder, else the name that the folders share."""
    if len(set(group_of.values())) == len(group_of):
        return {path: path for path in group_of}
    names: dict[str, set[str]] = defaultdict(set)
    for folder in folders:
        if folder.path in group_of:
            level = folder.names[0][0]
            names[group_of[folder.path]].add(PurePosixPath(folder.path).parts[level])
    return {path: min(names[group]) for path, group in group_of.items()}


def _nobody(folders: Sequence[SignerFolder]) -> str:
    several = [folder for folder in folders if folder.depth]
    return f"{NOBODY}: {_some(several)} are taken for parts of one data set" if len(several) > 1 else NOBODY


def _some(folders: Sequence[SignerFolder]) -> str:
    names = [folder.path for folder in folders]
    return ", ".join([*names[:EXAMPLES], "…"] if len(names) > EXAMPLES else names)


def _listed(signers: set[str]) -> str:
    ordered = sorted(signers)
    some = ", ".join([*ordered[:EXAMPLES], "…"] if len(ordered) > EXAMPLES else ordered)
    return f"{len(ordered):,} signer{'s' if len(ordered) != 1 else ''} ({some})" if ordered else "no signer"
