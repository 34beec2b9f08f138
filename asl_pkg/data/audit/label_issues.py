"""Images that may be labelled wrong: their nearest images in other recordings agree on another label."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from asl_pkg.data.audit.leakage_probe import stratified_sample
from asl_pkg.metrics.hog import embedding

MAX_REFERENCES = 6000  # images that may be neighbours; every image is judged
SEARCHED = 8192  # images searched at once
CANDIDATES = 64  # nearest images, with those of the same recording
VOTERS = 7
AGREEMENT = 5  # voters with one label that make a verdict
GUIDE = 0.5  # if neighbours in other groups name fewer labels right, all neighbours vote
LISTED = 12


@dataclass(frozen=True)
class Suspect:
    """An image whose neighbours disagree with its label.

    Args:
        position: Position of the image.
        neighbour: Position of the nearest image with the label of most neighbours.
        label: Label of the image.
        voted: Label of most neighbours.
        votes: Number of neighbours with that label.
        voters: Number of neighbours that voted.
    """

    position: int
    neighbour: int
    label: int
    voted: int
    votes: int
    voters: int


@dataclass(frozen=True)
class LabelIssues:
    """Votes of the neighbours on all labels.

    Args:
        judged: Number of images with enough neighbours in other groups.
        agreed: Share of them whose own label is the most frequent one of their neighbours.
        across_groups: Whether only neighbours in other groups voted.
        disputed: Number of images whose neighbours agree on another label.
        suspects: The clearest of those, at most LISTED.
    """

    judged: int
    agreed: float
    across_groups: bool
    disputed: int
    suspects: list[Suspect]


def find_label_issues(
    thumbnails: NDArray[np.uint8],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    rows: NDArray[np.int64],
    seed: int,
) -> LabelIssues:
    """Let the nearest images vote on each label (Wilson 1972, https://doi.org/10.1109/TSMC.1972.4309137).

    Neighbours in the image's own group have no vote where its class has other groups: they are near-copies and, where
    a whole recording lies in the wrong folder, share the error. Where recordings differ so much that votes from other
    groups are mostly wrong, all neighbours vote.

    Args:
        thumbnails: RGB [n, 32, 32, 3].
        labels: Class of each image [n].
        groups: Recording or block of each image [n].
        rows: Rows of the images to judge by one another, in rising order [m].
        seed: Seed of the sample of possible neighbours.

    Returns:
        How often neighbours agree with the label, and the images where they clearly do not.
    """
    if len(rows) <= VOTERS:
        return LabelIssues(0, 0.0, True, 0, [])
    references = stratified_sample(rows, labels, labels, MAX_REFERENCES, np.random.default_rng(seed))
    distance, neighbour = _neighbours(thumbnails, rows, references)
    group_of = np.unique(groups, return_inverse=True)[1].astype(np.int32)
    others = neighbour != rows[:, None]
    alone = _alone(labels[rows], group_of[rows])
    elsewhere = others & ((group_of[neighbour] != group_of[rows, None]) | alone[:, None])
    votes = _votes(labels, rows, distance, neighbour, elsewhere)
    across_groups = votes.agreed >= GUIDE
    if not across_groups:
        votes = _votes(labels, rows, distance, neighbour, others)
    return _verdict(labels, votes, across_groups)


@dataclass(frozen=True)
class _Votes:
    """The votes on the images that enough neighbours may judge.

    Args:
        judged: Positions of the images [m].
        label: Their labels [m].
        voters: Positions of the neighbours that vote, the nearest first [m, VOTERS].
        away: Mean distance to the voters [m].
        voted: Most frequent label of the voters [m].
        votes: Number of voters with it [m].
    """

    judged: NDArray[np.int64]
    label: NDArray[np.int64]
    voters: NDArray[np.int32]
    away: NDArray[np.float32]
    voted: NDArray[np.int64]
    votes: NDArray[np.int64]

    @property
    def agreed(self) -> float:
        return float((self.voted == self.label).mean()) if len(self.judged) else 0.0


def _votes(
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    distance: NDArray[np.float32],
    neighbour: NDArray[np.int32],
    may_vote: NDArray[np.bool_],
) -> _Votes:
    enough = may_vote.sum(axis=1) >= VOTERS
    nearest = np.argsort(~may_vote[enough], axis=1, kind="stable")[:, :VOTERS]  # those that may, the nearest first
    voters = np.take_along_axis(neighbour[enough], nearest, axis=1)
    away = np.take_along_axis(distance[enough], nearest, axis=1).mean(axis=1)
    votes = (labels[voters][:, :, None] == np.arange(labels.max() + 1)).sum(axis=1)  # [m, classes]
    judged = rows[enough]
    return _Votes(judged, labels[judged], voters, away, votes.argmax(axis=1), votes.max(axis=1))


def _verdict(labels: NDArray[np.int64], votes: _Votes, across_groups: bool) -> LabelIssues:
    """List the disputed images: most votes against them first, then the nearest voters."""
    disputed = np.flatnonzero((votes.voted != votes.label) & (votes.votes >= AGREEMENT))
    worst = disputed[np.lexsort((votes.away[disputed], -votes.votes[disputed]))][:LISTED]
    suspects = [
        Suspect(
            position=int(votes.judged[row]),
            neighbour=int(votes.voters[row][labels[votes.voters[row]] == votes.voted[row]][0]),
            label=int(votes.label[row]),
            voted=int(votes.voted[row]),
            votes=int(votes.votes[row]),
            voters=VOTERS,
        )
        for row in worst
    ]
    return LabelIssues(len(votes.judged), votes.agreed, across_groups, len(disputed), suspects)


def _neighbours(
    thumbnails: NDArray[np.uint8], rows: NDArray[np.int64], references: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Distances and rows of the nearest references of each image, the nearest first [m, CANDIDATES]."""
    embedded = embedding(thumbnails, rows, references)
    known = embedded[np.searchsorted(rows, references)]
    search = NearestNeighbors(n_neighbors=min(CANDIDATES, len(references)), algorithm="brute").fit(known)
    distance = np.empty((len(rows), search.n_neighbors), np.float32)
    neighbour = np.empty(distance.shape, np.int32)
    for start in range(0, len(rows), SEARCHED):  # the search returns 64-bit numbers
        part = slice(start, start + SEARCHED)
        distance[part], found = search.kneighbors(embedded[part])
        neighbour[part] = references[found]
    return distance, neighbour


def _alone(labels: NDArray[np.int64], group_of: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each image's class has only one group."""
    pairs = np.unique(np.stack([labels, group_of]), axis=1)
    return np.bincount(pairs[0])[labels] == 1
