"""The golden set: its choice is deterministic, and changes are detected."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg import contract
from asl_pkg.errors import BundleError
from asl_pkg.validation.golden import choose_golden_rows, read_golden, write_golden
from tests.support.exported import image, png

CLASSES = len(contract.CLASSES)


@given(st.lists(st.tuples(st.integers(0, CLASSES - 1), st.uuids()), unique_by=lambda row: row[1]), st.randoms())
def test_one_image_a_class_is_chosen_whatever_the_order(rows: list[tuple[int, object]], random: object) -> None:
    def chosen(shown: list[tuple[int, object]]) -> list[tuple[int, object]]:
        positions = choose_golden_rows(
            np.array([label for label, _ in shown], np.int64), [str(digest) for _, digest in shown]
        )
        return [shown[position] for position in positions]

    first = chosen(rows)
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert chosen(rows) == first
    assert [label for label, _ in first] == sorted({label for label, _ in rows})


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    labels = list(range(CLASSES))
    images = [{"bytes": png(image(label, 0)), "path": f"x/{label}.PNG"} for label in labels]
    write_golden(tmp_path / "golden", labels, images, np.eye(CLASSES, dtype=np.float32))
    return tmp_path / "golden"


def test_what_is_read_is_what_was_written(golden: Path) -> None:
    read = read_golden(golden)
    assert (read.pixels == np.stack([image(label, 0) for label in range(CLASSES)])).all()
    assert (read.probabilities == np.eye(CLASSES)).all()
    assert (golden / "del.png").is_file()


def swap(golden: Path) -> None:
    (golden / "A.png").write_bytes((golden / "B.png").read_bytes())


def remove(golden: Path) -> None:
    (golden / "A.png").unlink()


def escape(golden: Path) -> None:
    body = json.loads((golden / contract.GOLDEN_FILE).read_text())
    body["images"][0]["path"] = "../outside.png"
    (golden / contract.GOLDEN_FILE).write_text(json.dumps(body))
    (golden.parent / "outside.png").write_bytes((golden / "A.png").read_bytes())


@pytest.mark.parametrize("damage", [swap, remove, escape, lambda golden: (golden / contract.GOLDEN_FILE).unlink()])
def test_a_damaged_golden_set_is_refused_with_the_command_that_mends_it(golden: Path, damage: object) -> None:
    damage(golden)  # type: ignore[operator]
    with pytest.raises(BundleError, match="`asl validate`"):
        read_golden(golden)
