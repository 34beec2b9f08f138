"""Each image's place in a data set: signers and recordings found, splits made, near-duplicates left out."""

import functools
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl_pkg import contract
from asl_pkg.config.schema import DataSettings, MixData, ParquetData, PhotoData, SplitSettings
from asl_pkg.data.dataset import read_info
from asl_pkg.data.ingest import IngestedData
from asl_pkg.data.sample import UNKNOWN_SIGNER
from asl_pkg.data.split import splitting
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.recordings import find_recordings
from asl_pkg.data.split.signers import MOST_UNKNOWN, SETTLES, People, people_of_folders, people_of_source, spelled_once
from asl_pkg.data.split.signers_table import read_table, rows_of_images
from asl_pkg.data.split.splitting import GUARD, MIN_GROUPS, NEAR_DUPLICATE, SampleMeta, SplitAssignment

TRAIN, VALIDATION, TEST = contract.SPLITS
MOST_LOST = 0.3  # share of a class's training images that look like held-out ones: beyond it nothing is measured


@dataclass(frozen=True)
class SplitResult:
    """Where the images go.

    Args:
        split_by: `signer`, `recording` or `block`: the weakest that any class is held out by.
        people: the signers of all images, and what is doubtful about them.
        shots: what the splits were made from.
        places: of each image.
        unmeasurable: names of the classes that the test does not hold, or whose images look too much like training's.
        unvalidated: names of the classes that the validation does not hold, since too few signers show them.
    """

    split_by: str
    people: People
    shots: list[SampleMeta]
    places: list[SplitAssignment]
    unmeasurable: list[str]
    unvalidated: list[str] = field(default_factory=list)

    @property
    def signers(self) -> list[str]:
        """Of each image."""
        return self.people.signers

    @property
    def unseen_signers(self) -> bool:
        """Whether it is certain that no signer of a held-out image is in training."""
        signers: dict[bool, set[str]] = {True: set(), False: set()}
        for signer, at in zip(self.signers, self.places, strict=True):
            if at.kept:
                signers[at.split == TRAIN].add(signer)
        return not (
            self.people.doubts or signers[True] & signers[False] or UNKNOWN_SIGNER in set().union(*signers.values())
        )


def assign_splits(arrival: IngestedData, data: DataSettings, seed: int, looks: SimilarityIndex) -> SplitResult:
    """Choose the strictest way to split that a source allows.

    Args:
        arrival: what passed.
        data: how to split it.
        seed: of the choice.
        looks: of all images.

    Returns:
        The place of each image.

    Raises:
        DataError: a class has too few groups, or the user's table or the folders of signers fit in part only.
    """
    if isinstance(data, PhotoData):
        shots, people = _shots(arrival, data)
        placed = _by_signer(shots, people, data, seed, looks) or _by_recording(shots, people, data, seed, looks)
    else:
        shots = [SampleMeta(*values) for values in _columns(arrival)]
        people = people_of_source([shot.signer for shot in shots], "the source")
        placed = _placed("signer", shots, people, _split_of_source(arrival), looks)
    labels, splits = [shot.label for shot in shots], [one.split for one in placed.places]
    mended = functools.partial(_remedy, shots, data, seed) if isinstance(data, PhotoData) else None
    splitting.require_every_class(labels, splits, [*placed.unmeasurable, *placed.unvalidated], mended)
    return placed


def _remedy(shots: list[SampleMeta], data: SplitSettings, seed: int, lacking: Collection[int]) -> str:
    shares = (data.validation_share, data.test_share)
    return splitting.remedy(shots, lacking, data.block_frames, data.guard_frames, *shares, seed)


def _by_signer(
    shots: list[SampleMeta], people: People, data: SplitSettings, seed: int, looks: SimilarityIndex
) -> SplitResult | None:
    """Hold out whole signers, where there are enough of them; some classes may then have none to be held out."""
    if len({shot.signer for shot in shots} - {UNKNOWN_SIGNER}) < MIN_GROUPS:
        return None
    shares = (data.validation_share, data.test_share)
    placed = _placed("signer", shots, people, splitting.by_signer(shots, *shares, seed), looks)
    held_out = _missing(placed, VALIDATION) | _missing(placed, TEST)
    if not _missing(placed, TRAIN) and held_out <= set(placed.unmeasurable):
        return _alike(placed)
    places = splitting.by_signer_and_class(shots, *shares, seed)
    return _alike(_without_some(_placed("signer", shots, people, places, looks))) if places else None


def _by_recording(
    shots: list[SampleMeta], people: People, data: SplitSettings, seed: int, looks: SimilarityIndex
) -> SplitResult:
    """Hold out whole recordings, or blocks of frames of a class with too few of them."""
    split_by, places = _split(shots, data, seed)
    placed = _placed(split_by, shots, people, places, looks)
    if split_by == "block" and (lossy := _lossy([shot.label for shot in shots], places, placed.places)):
        split_by, places = _split(shots, data, seed, lossy)  # blocks of one recording look alike, recordings may not
        placed = _placed(split_by, shots, people, places, looks)
    return placed


def _placed(
    split_by: str, shots: list[SampleMeta], people: People, places: Sequence[SplitAssignment], looks: SimilarityIndex
) -> SplitResult:
    """Leave out what looks alike."""
    labels = [shot.label for shot in shots]
    kept = _without_twins(labels, places, looks)
    return SplitResult(split_by, people, shots, kept, _names(_lossy(labels, places, kept)))


def _missing(placed: SplitResult, split: str) -> set[str]:
    """Classes of which a split has no image."""
    found = {shot.label for shot, at in zip(placed.shots, placed.places, strict=True) if at.split == split}
    return set(_names({shot.label for shot in placed.shots} - found))


def _without_some(placed: SplitResult) -> SplitResult:
    """Say which classes too few signers show to be held out by signer."""
    unvalidated, untested = (_missing(placed, split) - set(placed.unmeasurable) for split in (VALIDATION, TEST))
    said = [
        f"too few signers show {', '.join(_ordered(classes))}: the {split} has none"
        for split, classes in ((VALIDATION, unvalidated), (TEST, untested))
        if classes
    ]
    people = replace(placed.people, found="; ".join([placed.people.found, *said]))
    unmeasurable = _ordered(untested.union(placed.unmeasurable))
    return replace(placed, people=people, unmeasurable=unmeasurable, unvalidated=_ordered(unvalidated))


def _alike(placed: SplitResult) -> SplitResult:
    """Doubt that signers are different people where many of their images look the same; empty walls may."""
    twins = sum(
        at.split == NEAR_DUPLICATE and contract.CLASSES[shot.label] != "nothing"
        for shot, at in zip(placed.shots, placed.places, strict=True)
    )
    if twins <= MOST_UNKNOWN * len(placed.shots):
        return placed
    doubt = f"{twins:,} images look the same as another signer's: the two may be one person; {SETTLES}"
    return replace(placed, people=replace(placed.people, doubts=(*placed.people.doubts, doubt)))


def _names(labels: Collection[int]) -> list[str]:
    return [contract.CLASSES[label] for label in sorted(labels)]


def _ordered(names: Collection[str]) -> list[str]:
    return [name for name in contract.CLASSES if name in names]


def _columns(arrival: IngestedData) -> zip:
    return zip(*(arrival.column(name) for name in ("label", "signer", "sequence", "frame")), strict=True)


def _split_of_source(arrival: IngestedData) -> list[SplitAssignment]:
    """The splits that the source itself chose."""
    columns = (arrival.column(name) for name in ("source_split", "signer", "sequence"))
    return [
        SplitAssignment(split or TRAIN, f"{signer}/{sequence}")
        for split, signer, sequence in zip(*columns, strict=True)
    ]


def _split(
    shots: Sequence[SampleMeta], data: SplitSettings, seed: int, uncut: Collection[int] = ()
) -> tuple[str, list[SplitAssignment]]:
    shares = (data.validation_share, data.test_share)
    places, whole = splitting.by_recording(shots, data.block_frames, data.guard_frames, *shares, seed, uncut)
    return "recording" if whole == {shot.label for shot in shots} else "block", places


def _shots(arrival: IngestedData, data: PhotoData) -> tuple[list[SampleMeta], People]:
    """What splitting needs to know, signers and recordings found where nobody says."""
    labels, signers, sequences, frames = (list(column) for column in zip(*_columns(arrival), strict=True))
    if data.signers_csv:
        people, sequences = _people_of_table(arrival, Path(data.signers_csv), signers, sequences)
    elif set(signers) == {UNKNOWN_SIGNER}:
        people = people_of_folders(arrival.paths)
    else:
        mixed = isinstance(data, MixData)
        people = people_of_source(signers, "the parts of the mix" if mixed else "the column signer", mixed)
        people = replace(people, doubts=(*people.doubts, *_doubts_of_data_set(data)))
    shots = _numbered(list(map(SampleMeta, labels, people.signers, sequences, frames)), arrival.paths)
    found = find_recordings(shots, arrival.thumbnails)
    return [shot._replace(recording=number) for shot, number in zip(shots, found, strict=True)], people


def _doubts_of_data_set(data: PhotoData) -> list[str]:
    """What was doubtful about the signers of a data set of ours that is pulled again: its columns do not tell."""
    folder = Path(data.path)
    if not isinstance(data, ParquetData) or not (folder / contract.DATASET_FILE).is_file():
        return []
    return read_info(folder).people[1:]


def _people_of_table(
    arrival: IngestedData, path: Path, signers: Sequence[str], sequences: Sequence[str]
) -> tuple[People, list[str]]:
    """What the user's table says; whom it does not name keeps what the source says."""
    table, others = read_table(path), [one.path for one in arrival.rejected]
    rows, misfits = rows_of_images(path, table, arrival.paths, others)
    named = [row.signer if row else signer for row, signer in zip(rows, signers, strict=True)]
    recordings, _ = spelled_once([row.recording if row else "" for row in rows])
    people = people_of_source(named, f"{path.name}; {misfits}" if misfits else path.name)
    chosen = [own if own != UNKNOWN_SIGNER else given for own, given in zip(recordings, sequences, strict=True)]
    return people, chosen


def _numbered(shots: list[SampleMeta], paths: Sequence[str]) -> list[SampleMeta]:
    """Give images whose names have no number in common a place in the order of their names.

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


def _without_twins(
    labels: Sequence[int], places: Sequence[SplitAssignment], looks: SimilarityIndex
) -> list[SplitAssignment]:
    """Leave out what looks the same as a held-out image.

    A class of which nothing would be left in some split, as an empty wall, is learnt but not held out at all.
    """
    kept = splitting.without_near_duplicates(places, looks)
    before, after = (Counter(zip(labels, (one.split for one in some), strict=True)) for some in (places, kept))
    gone = {label for (label, split), count in before.items() if count and split != GUARD and not after[label, split]}
    if not gone:
        return kept
    learnt = [
        SplitAssignment(NEAR_DUPLICATE, one.group) if label in gone and one.split not in (TRAIN, GUARD) else one
        for label, one in zip(labels, places, strict=True)
    ]
    return splitting.without_near_duplicates(learnt, looks)


def _lossy(labels: Sequence[int], before: Sequence[SplitAssignment], after: Sequence[SplitAssignment]) -> list[int]:
    """Classes that lost a large share of training, or all that was held out, to near-duplicates."""
    had: Counter[tuple[int, str]] = Counter()
    lost: Counter[tuple[int, str]] = Counter()
    for label, old, new in zip(labels, before, after, strict=True):
        had[label, old.split] += 1
        lost[label, old.split] += new.split == NEAR_DUPLICATE
    return [
        label
        for label in range(len(contract.CLASSES))
        if lost[label, TRAIN] > MOST_LOST * had[label, TRAIN]
        or any(had[label, split] and lost[label, split] == had[label, split] for split in contract.SPLITS)
    ]
