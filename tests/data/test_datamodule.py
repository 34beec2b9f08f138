"""Batches hold every image once per epoch, in an order that the seed decides."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg.config.schema import FolderData, Settings
from asl_pkg.data.datamodule import HARDER, Batches, ImageData, SplitImages
from asl_pkg.data.decoding import DecodedOnAccess
from asl_pkg.pull import pull
from tests.support.making import public_folder


@given(count=st.integers(1, 500), size=st.integers(2, 64), seed=st.none() | st.integers(0, 9), epoch=st.integers(0, 3))
def test_an_epoch_holds_every_image_once_in_batches_of_nearly_equal_size(
    count: int, size: int, seed: int | None, epoch: int
) -> None:
    sampler = Batches(count, size, seed)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert len(batches) == len(sampler)
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def order(seed: int, epoch: int) -> list[int]:
    sampler = Batches(100, 10, seed)
    sampler.set_epoch(epoch)
    return np.concatenate(list(sampler)).tolist()


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


@pytest.mark.parametrize("rows", [[3, 0], [1]])
def test_a_batch_holds_the_images_that_were_asked_for(rows: list[int]) -> None:
    pixels = np.arange(4 * 2 * 2 * 3, dtype=np.uint8).reshape(4, 2, 2, 3)
    pixels.flags.writeable = False  # as a mapped cache is
    landmarks = np.random.default_rng(0).random((4, 21, 2), np.float32)
    batch = SplitImages(pixels, np.array([5, 6, 7, 8]), landmarks)[np.array(rows)]
    assert np.array_equal(batch.landmarks, landmarks[rows])
    assert np.array_equal(batch.pixels, pixels[rows])
    assert batch.labels.tolist() == [5 + row for row in rows]
    assert batch.rows.tolist() == rows


def test_batches_decoded_anew_are_those_of_the_cache(tmp_path: Path) -> None:
    source = FolderData(path=str(public_folder(tmp_path / "photographs", 6)), block_frames=1, guard_frames=0)
    pull(Settings(data=source), tmp_path / "dataset")
    kept, anew = (
        ImageData(tmp_path / "dataset", FolderData(cache_dir=str(tmp_path / name), cache_gb=room), 3, varied=False)
        for name, room in (("roomy", 1.0), ("full", 0.0))
    )
    assert isinstance(kept.train_split.pixels, np.memmap)
    assert isinstance(anew.train_split.pixels, DecodedOnAccess)
    for batch, other in zip(kept.train_dataloader(), anew.train_dataloader(), strict=True):
        assert torch.equal(batch.pixels, other.pixels)
        assert torch.equal(batch.rows, other.rows)


@pytest.mark.parametrize(("varied", "views"), [(True, 2), (False, 1)])
def test_features_are_computed_once_for_each_view_of_an_image(tmp_path: Path, varied: bool, views: int) -> None:
    source = FolderData(path=str(public_folder(tmp_path / "images", 6)), block_frames=1, guard_frames=0, cache_dir="")
    settings = Settings(data=source)
    pull(settings, tmp_path / "dataset")
    data = ImageData(tmp_path / "dataset", settings.data, seed=3, varied=varied)
    asked = []

    def extract(pixels: torch.Tensor) -> torch.Tensor:
        asked.append(len(pixels))
        return pixels.float().mean(dim=(1, 2))

    data.compute_features(extract)
    train, validation = data.features["train"], data.features["validation"]
    assert sum(asked) == views * (len(data.train_split) + len(data.validation_split))
    assert train.shape == (views, len(data.train_split), 3)
    rows = np.arange(len(data.validation_split))
    torch.testing.assert_close(validation[0], data.validation_split[rows].pixels.float().mean(dim=(1, 2)))
    assert (train[0] != train[-1]).any() == varied
    assert (HARDER in data.features) == varied
    assert not varied or (data.features[HARDER][0] != validation[0]).any()
