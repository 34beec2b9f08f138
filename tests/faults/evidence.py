"""Defects of the images that training read, and of its record of them."""

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

from asl_pkg import contract
from asl_pkg.data.dataset import read_split
from asl_pkg.data.hashing import dhash
from asl_pkg.data.preparation import prepare
from asl_pkg.models.classifier import Classifier
from tests.faults.case import Case, Good, Planter
from tests.faults.weights import checkpoint

TRAIN, _, TEST = contract.SPLITS
TWINS = 29  # test images that training read in another encoding
QUALITY = 90  # of that encoding


def account(change: Callable[[Good, pa.Table], pa.Table | None]) -> Planter:
    """Change what training says that it read."""

    def planter(good: Good, folder: Path) -> Case:
        seen = change(good, pa.parquet.read_table(good.training / contract.SEEN_FILE))
        return Case(good.settings, _trained(good, folder, seen), good.bundle, good.dataset, good.report)

    return planter


def another_data_set(made: Classifier, good: Good) -> None:
    made.hparams["dataset_digest"] = "e" * 64


def test_images(good: Good, seen: pa.Table) -> pa.Table:
    return _joined(seen, read_split(good.dataset, TEST))


def near_duplicates(good: Good, folder: Path) -> Case:
    """Test images, encoded anew, in the training split, and read from there."""
    dataset = Path(shutil.copytree(good.dataset, folder / "dataset"))
    train, twins = read_split(dataset, TRAIN), _twins(read_split(dataset, TEST).slice(0, TWINS))
    for shard in dataset.glob(f"{TRAIN}-*.parquet"):
        shard.unlink()
    pa.parquet.write_table(_joined(train, twins), dataset / f"{TRAIN}-00000-of-00001.parquet")
    seen = _joined(pa.parquet.read_table(good.training / contract.SEEN_FILE), twins)
    return Case(good.settings, _trained(good, folder, seen), good.bundle, dataset, good.report)


def _trained(good: Good, folder: Path, seen: pa.Table | None) -> Path:
    """The good checkpoint with another account beside it."""
    copied = folder / "training" / contract.BEST_CHECKPOINT
    copied.parent.mkdir(parents=True)
    shutil.copyfile(good.checkpoint, copied)
    if seen is not None:
        pa.parquet.write_table(seen, folder / "training" / contract.SEEN_FILE)
    return copied


def _twins(rows: pa.Table) -> pa.Table:
    """The same images in other bytes."""
    images = [prepare(image["bytes"]) for image in rows["image"].to_pylist()]
    cells = [{"bytes": _jpeg(pixels), "path": f"twin{number}.jpg"} for number, pixels in enumerate(images)]
    changed = {
        "image": pa.array(cells, rows.schema.field("image").type),
        "sha256": pa.array([hashlib.sha256(cell["bytes"]).hexdigest() for cell in cells]),
        "dhash": pa.array([dhash(prepare(cell["bytes"])) for cell in cells], rows.schema.field("dhash").type),
    }
    for name, column in changed.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows


def _jpeg(pixels: np.ndarray) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()


def _joined(table: pa.Table, rows: pa.Table) -> pa.Table:
    """Rows below a table, as far as it has their columns."""
    return pa.concat_tables(
        [table, rows.select([name for name in table.schema.names if name in rows.schema.names])],
        promote_options="default",
    )


PLANTERS: dict[str, Planter] = {
    "trained on another data set": checkpoint(another_data_set),
    "trained on the test split": account(test_images),
    "tuned to near-duplicates": near_duplicates,
    "no record of the images read": account(lambda _good, _seen: None),
}
