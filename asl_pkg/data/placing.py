"""Each picture's place in a data set: signers and recordings found, splits made, near-duplicates left out."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl_pkg import contract
from asl_pkg.config import DataSettings, FolderData
from asl_pkg.data import signers, splitting
from asl_pkg.data.arrival import Arrival
from asl_pkg.data.near_duplicates import Looks
from asl_pkg.data.picture import UNKNOWN_SIGNER
from asl_pkg.data.recordings import find_recordings
from asl_pkg.data.splitting import GUARD, MIN_GROUPS, TWIN, Place, Shot
from asl_pkg.errors import DataError

TRAIN = contract.SPLITS[0]
MOST_LOST = 0.3  # share of a class's training pictures that look like held-out ones: beyond it nothing is measured


@dataclass(frozen=True)
class Placed:
    """Where the pictures go.

    Args:
        split_by: `signer`, `recording` or `block`: the weakest that any class is held out by.
        signers: of each picture.
        shots: what the splits were made from.
        places: of each picture.
        unmeasurable: names of the classes whose held-out pictures look too much like training's.
    """

    split_by: str
    signers: list[str]
    shots: list[Shot]
    places: list[Place]
    unmeasurable: list[str]


def place(arrival: Arrival, data: DataSettings, seed: int, looks: Looks) -> Placed:
    """Choose the strictest way to split that a source allows.

    Args:
        arrival: what passed.
        data: how to split it.
        seed: of the choice.
        looks: of all pictures.

    Returns:
        The place of each picture.

    Raises:
        DataError: a class has too few groups, or the user's table fits no picture.
    """
    if isinstance(data, FolderData):
        shots = _shots(arrival, data)
        split_by, places = _split(shots, data, seed)
    else:
        shots = [Shot(*values) for values in _columns(arrival)]
        split_by, places = "signer", _split_of_source(arrival)
    labels = [shot.label for shot in shots]
    kept = _without_twins(labels, places, looks)
    if isinstance(data, FolderData) and split_by == "block" and (lossy := _lossy(labels, places, kept)):
        split_by, places = _split(shots, data, seed, lossy)  # blocks of one recording look alike, recordings may not
        kept = _without_twins(labels, places, looks)
    unmeasurable = [contract.CLASSES[label] for label in _lossy(labels, places, kept)]
    splitting.require_every_class(labels, [one.split for one in kept], unmeasurable)
    return Placed(split_by, [shot.signer for shot in shots], shots, kept, unmeasurable)


def _columns(arrival: Arrival) -> zip:
    return zip(*(arrival.column(name) for name in ("label", "signer", "sequence", "frame")), strict=True)


def _split_of_source(arrival: Arrival) -> list[Place]:
    """The splits that the source itself chose."""
    columns = (arrival.column(name) for name in ("source_split", "signer", "sequence"))
    return [Place(split or TRAIN, f"{signer}/{sequence}") for split, signer, sequence in zip(*columns, strict=True)]


def _split(shots: Sequence[Shot], data: FolderData, seed: int, uncut: Collection[int] = ()) -> tuple[str, list[Place]]:
    shares = (data.validation_share, data.test_share)
    if len({shot.signer for shot in shots}) >= MIN_GROUPS:
        return "signer", splitting.by_signer(shots, *shares, seed)
    places, whole = splitting.by_recording(shots, data.block_frames, data.guard_frames, *shares, seed, uncut)
    return "recording" if whole == {shot.label for shot in shots} else "block", places


def _shots(arrival: Arrival, data: FolderData) -> list[Shot]:
    """What splitting needs to know, signers and recordings found where nobody says."""
    paths = arrival.paths
    folders = signers.signers_of_folders(paths)
    table = signers.read_table(Path(data.signers_csv)) if data.signers_csv else {}
    if data.signers_csv and not table.keys() & set(paths):
        raise DataError(f"{data.signers_csv} names no picture of the source, expected paths such as {paths[0]}")
    shots = []
    for number, (label, signer, sequence, frame) in enumerate(_columns(arrival)):
        if signer == UNKNOWN_SIGNER and folders:
            signer = folders[number]
        known = table.get(paths[number])
        if known:
            signer, sequence = known.signer, known.recording or sequence
        shots.append(Shot(label, signer, sequence, frame))
    shots = _numbered(shots, paths)
    found = find_recordings(shots, arrival.thumbnails)
    return [shot._replace(recording=number) for shot, number in zip(shots, found, strict=True)]


def _numbered(shots: list[Shot], paths: Sequence[str]) -> list[Shot]:
    """Give pictures whose names have no number in common a place in the order of their names.

    They may well be neighbours: as sequences of their own they would be split at random.
    """
    sizes = Counter((shot.label, shot.signer, shot.sequence) for shot in shots)
    alone = defaultdict(list)
    for row, shot in enumerate(shots):
        if sizes[shot.label, shot.signer, shot.sequence] == 1:
            alone[shot.label, shot.signer].append(row)
    for rows in alone.values():
        for number, row in enumerate(sorted(rows, key=paths.__getitem__)):
            shots[row] = shots[row]._replace(sequence="", frame=number)
    return shots


def _without_twins(labels: Sequence[int], places: Sequence[Place], looks: Looks) -> list[Place]:
    """Leave out what looks the same as a held-out picture.

    A class of which nothing would be left in some split, as an empty wall, is learnt but not held out at all.
    """
    kept = splitting.without_twins(places, looks)
    before, after = (Counter(zip(labels, (one.split for one in some), strict=True)) for some in (places, kept))
    gone = {label for (label, split), count in before.items() if count and split != GUARD and not after[label, split]}
    if not gone:
        return kept
    learnt = [
        Place(TWIN, one.group) if label in gone and one.split not in (TRAIN, GUARD) else one
        for label, one in zip(labels, places, strict=True)
    ]
    return splitting.without_twins(learnt, looks)


def _lossy(labels: Sequence[int], before: Sequence[Place], after: Sequence[Place]) -> list[int]:
    """Classes that lost a large share of training, or all that was held out, to near-duplicates."""
    had: Counter[tuple[int, str]] = Counter()
    lost: Counter[tuple[int, str]] = Counter()
    for label, old, new in zip(labels, before, after, strict=True):
        had[label, old.split] += 1
        lost[label, old.split] += new.split == TWIN
    return [
        label
        for label in range(len(contract.CLASSES))
        if lost[label, TRAIN] > MOST_LOST * had[label, TRAIN]
        or any(had[label, split] and lost[label, split] == had[label, split] for split in contract.SPLITS)
    ]
