"""audit.json: what it holds, and how it is read again. Versions before 0.2 called the images pictures."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, computed_field

from asl_pkg import contract
from asl_pkg.errors import DataError
from asl_pkg.metrics.classification import FEWEST_GROUPS
from asl_pkg.storage.json_model import JsonModel, parse_json

_IMAGES = AliasChoices("images", "pictures")


def _unit(value: Any) -> Any:
    return "image" if value == "picture" else value


class Score(JsonModel):
    """A row of the leakage table.

    Args:
        split: RANDOM_SPLIT, OUR_SPLIT or EXTERNAL_SET of leakage_probe.
        accuracy: Accuracy of the small model on the held-out images.
        low: 2.5th percentile over resamples.
        high: 97.5th percentile.
        train: Number of training images.
        test: Number of scored images.
        unit: What was resampled, `group` or `image`.
        units: Number of units that were resampled.
    """

    split: str
    accuracy: float
    low: float
    high: float
    train: int
    test: int
    unit: Annotated[str, BeforeValidator(_unit)]
    units: int

    @computed_field
    def too_few(self) -> bool:
        """Whether the interval cannot be trusted, because there are too few groups."""
        return self.units < FEWEST_GROUPS


class Leakage(JsonModel):
    """How much a random split would flatter a model.

    Args:
        sentence: The result in one sentence.
        group: What our split keeps together: `signer`, `recording` or `block`.
        scores: One row per split; empty if there are too few images.
    """

    sentence: str
    group: str
    scores: list[Score]


class ClassCount(JsonModel):
    """A class and its images over all splits."""

    name: str = Field(validation_alias="class", serialization_alias="class")
    images: int = Field(validation_alias=_IMAGES)


class Imbalance(JsonModel):
    """The largest and the smallest class.

    Args:
        largest: The class with most images.
        smallest: The class with fewest.
        ratio: Ratio of their numbers of images; None if the smallest has none.
    """

    largest: ClassCount
    smallest: ClassCount
    ratio: float | None


class NearPair(JsonModel):
    """Two images of different splits that look alike.

    Args:
        paths: Their names in the source.
        splits: Their splits.
        bits: Number of bits in which their hashes differ.
        correlation: Correlation of their grey levels.
    """

    paths: list[str]
    splits: list[str]
    bits: int
    correlation: float


class NearDuplicates(JsonModel):
    """Images that look the same in two splits.

    Args:
        dropped: Number of images left out, by class.
        unmeasurable: Classes missing in the test, or whose test images look too much like training's.
        remaining: Number of held-out images that still have a near-duplicate in another split.
        nearest: The pairs across splits that look most alike.
    """

    dropped: dict[str, int]
    unmeasurable: list[str]
    remaining: int
    nearest: list[NearPair]


class Recording(JsonModel):
    """A recording of a class.

    Args:
        name: Name of the recording.
        first_frame: First frame number.
        last_frame: Last frame number.
        images: Number of images by split, guard and near-duplicates included.
    """

    name: str
    first_frame: int
    last_frame: int
    images: dict[str, int] = Field(validation_alias=_IMAGES)


class ClassRecordings(JsonModel):
    """Number of recordings of a class, and the first of them."""

    count: int
    listed: list[Recording]


class ListedSuspect(JsonModel):
    """An image whose neighbours have another label.

    Args:
        path: Its name in the source.
        label: Its class.
        neighbours_say: The class of most of its neighbours.
        votes: Number of neighbours with that class.
        voters: Number of neighbours that voted.
    """

    path: str
    label: str
    neighbours_say: str
    votes: int
    voters: int


class ListedLabelIssues(JsonModel):
    """Votes of the neighbours on the labels; see label_issues.LabelIssues."""

    judged: int
    agreed: float
    across_groups: bool
    disputed: int
    suspects: list[ListedSuspect]


class Brightness(JsonModel):
    """How light the images of a split are.

    Args:
        median: Median of the images' mean grey levels, 0 to 255.
        low: 5th percentile.
        high: 95th percentile.
        shares: Share of the images in each of BRIGHTNESS_BINS equal bins.
    """

    median: float
    low: float
    high: float
    shares: list[float]


class ReasonCount(JsonModel):
    """A reason why files are left out, their number, and a few of their names."""

    reason: str
    count: int
    examples: list[str]


class FileBytes(JsonModel):
    """Sizes of the image files."""

    total: int
    smallest: int
    median: int
    largest: int


class SameBytes(JsonModel):
    """Images that have an identical file, within their split only and in another split."""

    within_a_split: int
    across_splits: int


class Audit(JsonModel):
    """Contents of audit.json.

    Args:
        digest: Digest of the data set.
        known_classes: Classes that have images to learn from.
        leakage: How much a random split would flatter; its key is `honesty`.
        meaning: What an accuracy on the test split is worth.
        images: Number of images in the data set.
        counts: Images by split and class.
        imbalance: The largest and the smallest class.
        signers: Number of signers by split.
        people: How the signers were found, and what is doubtful about them.
        groups: Number of groups by split.
        guard: Images left out between splits, by class.
        near_duplicates: Images that look the same in two splits.
        recordings: Recordings by class.
        label_issues: Images that may be labelled wrong; its key is `label_errors`.
        brightness: Brightness by split.
        quarantined: Files that should have been images.
        skipped: Files that are not named as images.
        external_quarantined: Likewise, of data.external.
        external_skipped: Likewise, of data.external.
        private: Files that came with EXIF about place or person.
        file_bytes: Sizes of the image files.
        sizes_px: Images by width and height, the most frequent first.
        other_sizes: Number of further sizes.
        same_bytes: Images that have an identical file.
    """

    digest: str
    known_classes: list[str] = list(contract.CLASSES)
    leakage: Leakage = Field(validation_alias="honesty", serialization_alias="honesty")
    meaning: str
    images: int = Field(validation_alias=_IMAGES)
    counts: dict[str, dict[str, int]]
    imbalance: Imbalance
    signers: dict[str, int]
    people: list[str] = []
    groups: dict[str, int]
    guard: dict[str, int]
    near_duplicates: NearDuplicates
    recordings: dict[str, ClassRecordings]
    label_issues: ListedLabelIssues = Field(validation_alias="label_errors", serialization_alias="label_errors")
    brightness: dict[str, Brightness]
    quarantined: list[ReasonCount]
    skipped: list[ReasonCount]
    external_quarantined: list[ReasonCount] = []
    external_skipped: list[ReasonCount] = []
    private: int
    file_bytes: FileBytes
    sizes_px: dict[str, int]
    other_sizes: int
    same_bytes: SameBytes


def read_audit(dataset_dir: Path) -> Audit:
    """Read audit.json.

    Args:
        dataset_dir: The data set.

    Returns:
        Its contents.

    Raises:
        DataError: It is missing or damaged.
    """
    path = dataset_dir / contract.AUDIT_FILE
    try:
        return parse_json(Audit, path.read_bytes())
    except OSError as error:
        raise DataError(f"no audit in {dataset_dir} ({error.strerror}): `asl pull` makes one") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): run `asl pull` again") from error
