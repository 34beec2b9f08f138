"""Assignment of images to splits: find signers and recordings, split, leave out near-duplicates."""

import functools
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from asl_pkg import contract
from asl_pkg.config.schema import DataSettings, MixData, ParquetData, PhotoData
from asl_pkg.data.dataset import read_info
from asl_pkg.data.ingest import IngestedData
from asl_pkg.data.sample import UNKNOWN_SIGNER
from asl_pkg.data.split import splitting
from asl_pkg.data.split.near_duplicates import SimilarityIndex
from asl_pkg.data.split.recordings import find_recordings
from asl_pkg.data.split.signers import MOST_UNKNOWN, SETTLES, People, people_of_folders, people_of_source, spelled_once
from asl_pkg.data.split.signers_table import read_table, rows_of_images
from asl_pkg.data.split.splitting import GUARD, MIN_GROUPS, NEAR_DUPLICATE, SampleMeta, SplitAssignment

MOST_LOST = 0.3  # largest share of a class's training images that may look like held-out ones


@dataclass(frozen=True)
class SplitResult:
    """Splits of all images.

    Args:
        split_by: `signer`, `recording` or `block`: the weakest unit that any class is held out by.
        people: Signers of all images, and what is doubtful about them.
        samples: Facts that the splits were made from.
        assignments: Split and group of each image.
        unmeasurable: Names of classes that the test lacks, or whose images look too much like training's.
        unvalidated: Names of classes that validation lacks, since too few signers show them.
    """

    split_by: str
    people: People
    samples: list[SampleMeta]
    assignments: list[SplitAssignment]
    unmeasurable: list[str]
    unvalidated: list[str] = field(default_factory=list)

    @property
    def signers(self) -> list[str]:
        """Signer of each image."""
        return self.people.signers

    @property
    def unseen_signers(self) -> bool:
        """Whether it is certain that no signer of a held-out image is in training."""
        signers: dict[bool, set[str]] = {True: set(), False: set()}
        for signer, assignment in zip(self.signers, self.assignments, strict=True):
            if assignment.kept:
                signers[assignment.split == contract.TRAIN].add(signer)
        return not (
            self.people.warnings or signers[True] & signers[False] or UNKNOWN_SIGNER in set().union(*signers.values())
        )


def assign_splits(ingested: IngestedData, data: DataSettings, seed: int, similarity: SimilarityIndex) -> SplitResult:
    """Split by the strictest unit that the source allows.

    Args:
        ingested: Images that passed.
        data: Settings of the split.
        seed: Seed of the choice.
        similarity: Index of all images.

    Returns:
        Split and group of each image.

    Raises:
        DataError: A class has too few groups, or the signers' table or folders fit only some images.
    """
    if isinstance(data, PhotoData):
        samples, people = _samples(ingested, data)
        result = _by_signer(samples, people, data, seed, similarity) or _by_recording(
            samples, people, data, seed, similarity
        )
    else:
        samples = [SampleMeta(*values) for values in _columns(ingested)]
        people = people_of_source([sample.signer for sample in samples], "the source")
        result = _result("signer", samples, people, _split_of_source(ingested), similarity)
    labels, splits = [sample.label for sample in samples], [assignment.split for assignment in result.assignments]
    mended = functools.partial(_remedy, samples, data, seed) if isinstance(data, PhotoData) else None
    splitting.require_every_class(labels, splits, [*result.unmeasurable, *result.unvalidated], mended)
    return result


def _remedy(samples: list[SampleMeta], data: PhotoData, seed: int, lacking: Collection[int]) -> str:
    shares = (data.validation_share, data.test_share)
    return splitting.remedy(samples, lacking, data.block_frames, data.guard_frames, *shares, seed)


def _by_signer(
    samples: list[SampleMeta], people: People, data: PhotoData, seed: int, similarity: SimilarityIndex
) -> SplitResult | None:
    """Hold out whole signers if there are enough; some classes may then have none held out."""
    if len({sample.signer for sample in samples} - {UNKNOWN_SIGNER}) < MIN_GROUPS:
        return None
    shares = (data.validation_share, data.test_share)
    result = _result("signer", samples, people, splitting.by_signer(samples, *shares, seed), similarity)
    held_out = _missing(result, contract.VALIDATION) | _missing(result, contract.TEST)
    if not _missing(result, contract.TRAIN) and held_out <= set(result.unmeasurable):
        return _alike(result)
    assignments = splitting.by_signer_and_class(samples, *shares, seed)
    return _alike(_without_some(_result("signer", samples, people, assignments, similarity))) if assignments else None


def _by_recording(
    samples: list[SampleMeta], people: People, data: PhotoData, seed: int, similarity: SimilarityIndex
) -> SplitResult:
    """Hold out whole recordings, or blocks of frames of a class with too few of them."""
    split_by, assignments = _split(samples, data, seed)
    result = _result(split_by, samples, people, assignments, similarity)
    if split_by == "block" and (lossy := _lossy([sample.label for sample in samples], assignments, result.assignments)):
        split_by, assignments = _split(
            samples, data, seed, lossy
        )  # blocks of one recording look alike, recordings may not
        result = _result(split_by, samples, people, assignments, similarity)
    return result


def _result(
    split_by: str,
    samples: list[SampleMeta],
    people: People,
    assignments: Sequence[SplitAssignment],
    similarity: SimilarityIndex,
) -> SplitResult:
    """Leave out near-duplicates."""
    labels = [sample.label for sample in samples]
    kept = _without_near_duplicates(labels, assignments, similarity)
    return SplitResult(split_by, people, samples, kept, _names(_lossy(labels, assignments, kept)))


def _missing(result: SplitResult, split: str) -> set[str]:
    """Classes without images in a split."""
    found = {
        sample.label
        for sample, assignment in zip(result.samples, result.assignments, strict=True)
        if assignment.split == split
    }
    return set(_names({sample.label for sample in result.samples} - found))


def _without_some(result: SplitResult) -> SplitResult:
    """Note the classes that too few signers show to hold some out."""
    unvalidated, untested = (
        _missing(result, split) - set(result.unmeasurable) for split in (contract.VALIDATION, contract.TEST)
    )
    said = [
        f"too few signers show {', '.join(_ordered(classes))}: the {split} has none"
        for split, classes in ((contract.VALIDATION, unvalidated), (contract.TEST, untested))
        if classes
    ]
    people = replace(result.people, found="; ".join([result.people.found, *said]))
    unmeasurable = _ordered(untested.union(result.unmeasurable))
    return replace(result, people=people, unmeasurable=unmeasurable, unvalidated=_ordered(unvalidated))


def _alike(result: SplitResult) -> SplitResult:
    """Warn where many images of different signers look the same; images of `nothing` may."""
    alike = sum(
        assignment.split == NEAR_DUPLICATE and contract.CLASSES[sample.label] != "nothing"
        for sample, assignment in zip(result.samples, result.assignments, strict=True)
    )
    if alike <= MOST_UNKNOWN * len(result.samples):
        return result
    warning = f"{alike:,} images look the same as another signer's: they may be one person; {SETTLES}"
    return replace(result, people=replace(result.people, warnings=(*result.people.warnings, warning)))


def _names(labels: Collection[int]) -> list[str]:
    return [contract.CLASSES[label] for label in sorted(labels)]


def _ordered(names: Collection[str]) -> list[str]:
    return [name for name in contract.CLASSES if name in names]


def _columns(ingested: IngestedData) -> zip:
    return zip(*(ingested.column(name) for name in ("label", "signer", "sequence", "frame")), strict=True)


def _split_of_source(ingested: IngestedData) -> list[SplitAssignment]:
    """Splits that the source itself chose."""
    columns = (ingested.column(name) for name in ("source_split", "signer", "sequence"))
    return [
        SplitAssignment(split or contract.TRAIN, f"{signer}/{sequence}")
        for split, signer, sequence in zip(*columns, strict=True)
    ]


def _split(
    samples: Sequence[SampleMeta], data: PhotoData, seed: int, uncut: Collection[int] = ()
) -> tuple[str, list[SplitAssignment]]:
    shares = (data.validation_share, data.test_share)
    assignments, whole = splitting.by_recording(samples, data.block_frames, data.guard_frames, *shares, seed, uncut)
    return "recording" if whole == {sample.label for sample in samples} else "block", assignments


def _samples(ingested: IngestedData, data: PhotoData) -> tuple[list[SampleMeta], People]:
    """Facts for splitting; signers and recordings are searched for where they are unknown."""
    labels, signers, sequences, frames = (list(column) for column in zip(*_columns(ingested), strict=True))
    if data.signers_csv:
        people, sequences = _people_of_table(ingested, Path(data.signers_csv), signers, sequences)
    elif set(signers) == {UNKNOWN_SIGNER}:
        people = people_of_folders(ingested.paths)
    else:
        mixed = isinstance(data, MixData)
        people = people_of_source(signers, "the parts of the mix" if mixed else "the column signer", mixed)
        people = replace(people, warnings=(*people.warnings, *_warnings_of_data_set(data)))
    samples = _numbered(list(map(SampleMeta, labels, people.signers, sequences, frames)), ingested.paths)
    found = find_recordings(samples, ingested.thumbnails)
    return [sample._replace(recording=number) for sample, number in zip(samples, found, strict=True)], people


def _warnings_of_data_set(data: PhotoData) -> list[str]:
    """Warnings about the signers of our own data set that is pulled again: its columns do not keep them."""
    folder = Path(data.path)
    if not isinstance(data, ParquetData) or not (folder / contract.DATASET_FILE).is_file():
        return []
    return read_info(folder).people[1:]


def _people_of_table(
    ingested: IngestedData, path: Path, signers: Sequence[str], sequences: Sequence[str]
) -> tuple[People, list[str]]:
    """Signers and recordings of the user's table; others keep those of the source."""
    table, others = read_table(path), [file.path for file in ingested.rejected]
    rows, misfits = rows_of_images(path, table, ingested.paths, others)
    named = [row.signer if row else signer for row, signer in zip(rows, signers, strict=True)]
    recordings, _ = spelled_once([row.recording if row else "" for row in rows])
    people = people_of_source(named, f"{path.name}; {misfits}" if misfits else path.name)
    chosen = [own if own != UNKNOWN_SIGNER else given for own, given in zip(recordings, sequences, strict=True)]
    return people, chosen


def _numbered(samples: list[SampleMeta], paths: Sequence[str]) -> list[SampleMeta]:
    """Number images without a sequence in the order of their names.

    They may be neighbours: as single sequences they would be split at random.
    """
    sizes = Counter((sample.label, sample.signer, sample.sequence) for sample in samples)
    alone = defaultdict(list)
    for row, sample in enumerate(samples):
        if sizes[sample.label, sample.signer, sample.sequence] == 1:
            alone[sample.label, sample.signer].append(row)
    for rows in alone.values():
        for number, row in enumerate(sorted(rows, key=paths.__getitem__)):
            samples[row] = samples[row]._replace(sequence="", frame=number)
    return samples


def _without_near_duplicates(
    labels: Sequence[int], assignments: Sequence[SplitAssignment], similarity: SimilarityIndex
) -> list[SplitAssignment]:
    """Leave out images that look the same as a held-out one.

    A class that would lose all its images in some split, such as empty walls, is trained on but not held out.
    """
    kept = splitting.without_near_duplicates(assignments, similarity)
    before, after = (
        Counter(zip(labels, (assignment.split for assignment in some), strict=True)) for some in (assignments, kept)
    )
    gone = {label for (label, split), count in before.items() if count and split != GUARD and not after[label, split]}
    if not gone:
        return kept
    trained = [
        SplitAssignment(NEAR_DUPLICATE, assignment.group)
        if label in gone and assignment.split not in (contract.TRAIN, GUARD)
        else assignment
        for label, assignment in zip(labels, assignments, strict=True)
    ]
    return splitting.without_near_duplicates(trained, similarity)


def _lossy(labels: Sequence[int], before: Sequence[SplitAssignment], after: Sequence[SplitAssignment]) -> list[int]:
    """Classes that lost a large share of training, or all their held-out images, to near-duplicates."""
    had: Counter[tuple[int, str]] = Counter()
    lost: Counter[tuple[int, str]] = Counter()
    for label, old, new in zip(labels, before, after, strict=True):
        had[label, old.split] += 1
        lost[label, old.split] += new.split == NEAR_DUPLICATE
    return [
        label
        for label in range(len(contract.CLASSES))
        if lost[label, contract.TRAIN] > MOST_LOST * had[label, contract.TRAIN]
        or any(had[label, split] and lost[label, split] == had[label, split] for split in contract.SPLITS)
    ]
