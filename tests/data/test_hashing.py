import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg.data.hashing import DIGEST_CHUNK_BYTES, dataset_digest, dhash, file_digest
from tests.support.making import noise

ROWS = st.lists(
    st.tuples(st.text("0123456789abcdef", max_size=4), st.integers(0, 28), st.text(), st.text()), max_size=20
)


def distance(first: int, second: int) -> int:
    return (first ^ second).bit_count()


def test_near_duplicates_have_near_hashes_and_others_do_not() -> None:
    hashes = []
    for seed in range(20):
        pixels = np.asarray(noise(seed, 200))
        darker = (pixels * 0.9).astype(np.uint8)
        assert distance(dhash(pixels), dhash(darker)) <= 5
        hashes.append(dhash(pixels))
    assert min(distance(first, second) for first in hashes for second in hashes if first is not second) > 5


def test_a_slope_to_the_right_is_all_ones() -> None:
    slope = np.repeat(np.arange(180, dtype=np.uint8)[None, :, None], 90, 0).repeat(3, 2)
    assert dhash(slope) == 2**64 - 1
    assert dhash(slope[:, ::-1]) == 0


@given(ROWS, st.randoms(use_true_random=False))
def test_the_digest_does_not_know_the_order(rows: list[tuple[str, int, str, str]], random: object) -> None:
    mixed = rows.copy()
    random.shuffle(mixed)
    assert dataset_digest(mixed) == dataset_digest(rows)


@given(ROWS, ROWS)
def test_other_rows_have_another_digest(
    first: list[tuple[str, int, str, str]], second: list[tuple[str, int, str, str]]
) -> None:
    assert (dataset_digest(first) == dataset_digest(second)) == (sorted(first) == sorted(second))


@pytest.mark.parametrize("size", [0, 1, DIGEST_CHUNK_BYTES, DIGEST_CHUNK_BYTES + 1])
def test_a_files_digest_is_its_sha256(tmp_path: Path, size: int) -> None:
    (tmp_path / "x").write_bytes(b"x" * size)
    assert file_digest(tmp_path / "x", "x") == hashlib.sha256(b"x" * size).hexdigest()
