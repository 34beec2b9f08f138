"""Augmentation depends on the seed alone, and keeps the hand."""

import numpy as np
import pytest
import torch

from asl_pkg import contract
from asl_pkg.data.augmentation import (
    EMPTIED,
    NOTHING_LABEL,
    NUMBERS_PER_IMAGE,
    augment,
    draw_numbers,
    move_landmarks,
    replace_with_empty,
    shrink,
)

SIDE = contract.IMAGE_PX


def images(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, SIDE, SIDE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_images_keep_shape_and_type_and_the_given_ones_stay_as_they_are() -> None:
    given = images(11)
    before = given.clone()
    varied = augment(given, draw_numbers(1, 0, np.arange(11)))
    assert (varied.shape, varied.dtype) == (given.shape, torch.uint8)
    assert torch.equal(given, before)


def test_no_draw_changes_nothing_but_what_is_hidden() -> None:
    draws = torch.zeros(2, NUMBERS_PER_IMAGE)
    draws[:, 22] = 1  # nothing hidden
    varied = augment(images(2), draws)
    assert (varied.int() - images(2).int()).abs().max() <= 1


def test_the_same_seed_epoch_and_row_give_the_same_image_in_any_batch() -> None:
    given = images(20)
    whole = augment(given, draw_numbers(5, 2, np.arange(20)))
    part = augment(given[13:16], draw_numbers(5, 2, np.arange(13, 16)))
    assert torch.equal(whole[13:16], part)


@pytest.mark.parametrize(("seed", "epoch", "row"), [(6, 2, 0), (5, 3, 0), (5, 2, 1)], ids=["seed", "epoch", "row"])
def test_another_seed_epoch_or_row_gives_another_image(seed: int, epoch: int, row: int) -> None:
    given = images(1)
    assert not torch.equal(
        augment(given, draw_numbers(5, 2, np.array([0]))), augment(given, draw_numbers(seed, epoch, np.array([row])))
    )


def test_a_share_of_the_images_is_mirrored() -> None:
    """Three spots of pure colours, red above green and blue to the right of red, tell by their sense of rotation."""
    spots = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    for channel, (top, left) in enumerate(((80, 80), (120, 80), (80, 120))):
        spots[0, top - 8 : top + 8, left - 8 : left + 8, channel] = 255
    draws = draw_numbers(3, 0, np.arange(200))
    draws[:, 5:11] = 0  # colours would blur what is told apart by colour
    draws[:, 22] = 1  # and nothing hidden
    varied = augment(spots.expand(200, -1, -1, -1), draws)
    mirrored = 0
    for image in varied.double():
        y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        weight = (image - 100).clamp(min=0)
        red, green, blue = (
            torch.stack([(weight[..., channel] * axis).sum() / weight[..., channel].sum() for axis in (x, y)])
            for channel in range(3)
        )
        down, right = green - red, blue - red
        mirrored += bool(right[0] * down[1] - right[1] * down[0] < 0)
    assert 0.2 < mirrored / 200 < 0.4


def test_the_hand_stays_in_the_image() -> None:
    spot = torch.zeros(300, SIDE, SIDE, 3, dtype=torch.uint8)
    spot[:, 90:110, 90:110] = 255
    draws = draw_numbers(3, 0, np.arange(300))
    draws[:, 4:] = 0
    draws[:, 22] = 1
    assert (augment(spot, draws).amax(dim=(1, 2, 3)) > 200).all()


def test_landmarks_follow_what_they_mark() -> None:
    places = torch.tensor([[0.3, -0.2], [-0.25, 0.35]])
    spots = torch.zeros(50, SIDE, SIDE, 3, dtype=torch.uint8)
    for channel, (x, y) in enumerate(((places + 1) / 2 * SIDE).int().tolist()):
        spots[:, y - 3 : y + 3, x - 3 : x + 3, channel] = 255
    draws = draw_numbers(3, 0, np.arange(50))
    draws[:, 5:] = 0
    draws[:, 22] = 1
    followed = (move_landmarks(places.expand(50, -1, -1), draws) + 1) / 2 * SIDE  # in pixels
    varied = augment(spots, draws).double()
    y, x = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    for channel in range(2):
        weight = varied[..., channel]
        seen = torch.stack([(weight * axis).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)) for axis in (x, y)], dim=1)
        assert (seen - followed[:, channel]).abs().max() < 1.5


def test_some_images_of_nothing_become_walls_or_static_and_no_image_of_a_letter() -> None:
    labels = torch.full([400], NOTHING_LABEL)
    labels[:50] = 0
    small = torch.full([400, 20, 20, 3], 77, dtype=torch.uint8)
    draws = draw_numbers(2, 0, np.arange(400))
    replace_with_empty(small, labels, draws)
    changed = (small != 77).flatten(1).any(dim=1)
    assert not changed[:50].any()
    assert changed[50:].float().mean() == pytest.approx(EMPTIED, abs=0.06)
    again = torch.full([400, 20, 20, 3], 77, dtype=torch.uint8)
    replace_with_empty(again[60:], labels[60:], draws[60:])
    assert torch.equal(again[60:], small[60:])


def test_a_shrunk_image_is_smaller_and_anywhere_before_its_own_colours() -> None:
    white = torch.full((1, SIDE, SIDE, 3), 10, dtype=torch.uint8)
    white[:, SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 250
    draws = torch.zeros(2, NUMBERS_PER_IMAGE)
    draws[:, 23] = 1  # the smallest
    draws[1, 24:26] = 1  # in the lower right corner; the other one is in the middle
    middle, corner = shrink(white.expand(2, -1, -1, -1), draws)
    quarter = SIDE // 4
    assert torch.equal(
        middle[3 * quarter // 2 :][:quarter, 3 * quarter // 2 :][:, :quarter], corner[-quarter:, -quarter:]
    )
    assert (corner[-quarter:, -quarter:] == 10).any()
    assert (corner[-quarter:, -quarter:] == 250).any()
    assert not (corner[:quarter, :quarter] == 250).any()


def test_an_image_may_stay_as_large_as_it_is() -> None:
    draws = torch.zeros(3, NUMBERS_PER_IMAGE)
    draws[:, 23] = -1
    assert torch.equal(shrink(images(3), draws), images(3))
