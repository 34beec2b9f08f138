"""The user's table of signers, as people and spreadsheets write it, and the image that each row means."""

import csv
import io
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from asl_pkg.data.split.folder_names import person_key
from asl_pkg.data.split.signers import EXAMPLES, MOST_UNKNOWN
from asl_pkg.errors import DataError

COLUMNS = ("path", "signer", "recording")
EXPECTED = "expected path,signer or path,signer,recording"
DELIMITERS = ",;\t|"
NESTED = 2  # path components that identify an image: class folder and file name

Parts = tuple[str, ...]


class SignerRow(NamedTuple):
    """A row of the table.

    Args:
        line: Line number in the file, for messages.
        path: Path as written.
        signer: Signer as written, without surrounding blanks.
        recording: Recording as written; empty if there is none.
    """

    line: int
    path: str
    signer: str
    recording: str


def read_table(path: Path) -> list[SignerRow]:
    """Read the user's table.

    Args:
        path: A CSV file with a header: path (as in the source), signer, and recording if known. Separated by comma,
            semicolon, tab or bar; UTF-8 or UTF-16.

    Returns:
        Its rows.

    Raises:
        DataError: There is no such file, or it is not such a table.
    """
    try:
        lines = list(enumerate(_text(path.read_bytes()).splitlines(keepends=True), 1))
        while lines and (not lines[0][1].strip() or lines[0][1].lower().startswith("sep=")):
            lines.pop(0)
        return list(_rows(path, lines))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a CSV file ({error}), expected one in UTF-8") from error


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    if b"\0" in data[:2]:  # without a byte order mark: no path begins with a NUL
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le")
    return data.decode("utf-8-sig")


def _rows(path: Path, lines: Sequence[tuple[int, str]]) -> Iterator[SignerRow]:
    header = lines[0][1] if lines else ""
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(
        io.StringIO("".join(text for _, text in lines), newline=""), delimiter=delimiter, skipinitialspace=True
    )
    names = [_cell(name).casefold() for name in next(reader, [])]
    columns = {name: names.index(name) for name in COLUMNS if name in names}
    if not {"path", "signer"} <= columns.keys():
        raise DataError(f"{path}: columns {', '.join(names) or 'none'}, {EXPECTED}")
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise DataError(f"{path}: column {twice[0]} occurs twice, {EXPECTED}")
    first = lines[0][0]
    for cells in reader:
        if any(map(_cell, cells[len(names) :])):
            raise DataError(
                f"{path}, line {reader.line_num + first - 1}: {len(cells)} cells, expected {len(names)}: "
                f"put quotes around a name with {delimiter!r} in it"
            )
        values = {name: _cell(cells[at]) if at < len(cells) else "" for name, at in columns.items()}
        if any(values.values()):
            yield SignerRow(reader.line_num + first - 1, values["path"], values["signer"], values.get("recording", ""))


def _cell(text: str) -> str:
    """Text of a cell, without blanks, stray quotes and byte order marks."""
    return text.strip(" \t\r\n\v\f\u00a0\u200b\u2060\ufeff").strip("'\"").strip()


def rows_of_images(
    path: Path, rows: Sequence[SignerRow], images: Sequence[str], others: Sequence[str]
) -> tuple[list[SignerRow | None], str]:
    """Find the row of each image.

    A path may differ from the source in case, blanks, Unicode form, backslashes, `./` and leading folders. An exact
    match goes first.

    Args:
        path: Path of the table.
        rows: Its rows.
        images: Paths of all images in the source.
        others: Paths of rejected files, which rows may name too.

    Returns:
        The row of each image, None if there is none; and how the table does not fit, empty if it does.

    Raises:
        DataError: The table names no image, or lacks more than MOST_UNKNOWN of the images, or more than MOST_UNKNOWN
            of its rows name nothing, or rows contradict one another.
    """
    found, astray = _matched(path, rows, [*images, *others])
    unnamed = [image for image in images if image not in found]
    if len(unnamed) == len(images):
        came = f", as line {astray[0].line} {astray[0].path!r}" if astray else ": the table is empty"
        raise DataError(f"{path} names no image of the source{came}, expected paths such as {images[0]}")
    misfits = _misfits(unnamed, len(images), astray, len(rows))
    if len(unnamed) > MOST_UNKNOWN * len(images) or len(astray) > MOST_UNKNOWN * len(rows):
        raise DataError(f"{path} fits only in part: {misfits}; leave the signer empty if it is unknown")
    return [_agreed(path, image, found[image]) if image in found else None for image in images], misfits


def _misfits(unnamed: Sequence[str], images: int, astray: Sequence[SignerRow], rows: int) -> str:
    """Counts and examples in both directions."""
    said = []
    if unnamed:
        said.append(f"{len(unnamed):,} of {images:,} images are in no row, as {', '.join(unnamed[:EXAMPLES])}")
    if astray:
        examples = ", ".join(f"line {row.line} {row.path!r}" for row in astray[:EXAMPLES])
        said.append(f"{len(astray):,} of {rows:,} rows name no image, as {examples}")
    return "; ".join(said)


def _matched(
    path: Path, rows: Sequence[SignerRow], files: Sequence[str]
) -> tuple[dict[str, list[SignerRow]], list[SignerRow]]:
    """Rows of each file, and the rows that name none."""
    exact = set(files)
    index: dict[Parts, list[str]] = defaultdict(list)
    for file in files:
        index[_parts(file)].append(file)
    found: dict[str, list[SignerRow]] = defaultdict(list)
    rest = []
    for row in rows:
        same = [row.path] if row.path in exact else index.get(_parts(row.path), [])
        if len(same) > 1:
            raise DataError(f"{path}, line {row.line}: {row.path!r} may be {same[0]!r} or {same[1]!r}")
        if same:
            found[same[0]].append(row)
        else:
            rest.append(row)
    elsewhere = len(rest) > len(rows) / 2  # a few rows of missing images must not match other images
    moved = _moved(path, [_parts(row.path) for row in rest], index) if elsewhere else {}
    astray = []
    for row in rest:
        same = moved.get(_parts(row.path), [])
        if same:
            found[same[0]].append(row)
        else:
            astray.append(row)
    return found, astray


def _parts(path: str) -> Parts:
    """Components of a path, each in a normal form."""
    text = unicodedata.normalize("NFC", path).casefold().replace("\\", "/")
    return tuple(
        part
        for part in (unicodedata.normalize("NFC", part.strip()) for part in text.split("/"))
        if part not in ("", ".")
    )


def _moved(path: Path, rows: Sequence[Parts], index: dict[Parts, list[str]]) -> dict[Parts, list[str]]:
    """Match rows whose paths have other leading folders than the source, the same for all of them."""
    tails: dict[Parts, list[Parts]] = defaultdict(list)
    lengths = {length for row in rows for length in range(NESTED, len(row) + 1)}
    for parts in index:
        for length in lengths:
            if length <= len(parts):
                tails[parts[-length:]].append(parts)
    votes: Counter[tuple[Parts, Parts]] = Counter()
    for row in rows:
        length = next((length for length in range(len(row), NESTED - 1, -1) if row[-length:] in tails), 0)
        votes.update((row[:-length], parts[:-length]) for parts in tails.get(row[-length:] if length else (), ()))
    if not votes:
        return {}
    (first, most), *others = votes.most_common(2)
    if others and others[0][1] == most:
        first_start, other = ("/".join(beginning) or "nothing" for _, beginning in (first, others[0][0]))
        raise DataError(f"{path}: its paths match the source in two ways, with {first_start!r} or {other!r} in front")
    before, after = first
    moved = {row: after + row[len(before) :] for row in rows if row[: len(before)] == before}
    return {row: index[target] for row, target in moved.items() if target in index}


def _agreed(path: Path, image: str, rows: Sequence[SignerRow]) -> SignerRow:
    """The row of an image; several rows must agree."""
    first = rows[0]
    for row in rows[1:]:
        if [person_key(text) for text in row[2:]] != [person_key(text) for text in first[2:]]:
            raise DataError(
                f"{path}, lines {first.line} and {row.line}: {image} has signer {first.signer!r} {first.recording} and "
                f"{row.signer!r} {row.recording}, expected one"
            )
    return first
