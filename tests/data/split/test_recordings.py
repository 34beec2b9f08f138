import numpy as np

from asl_pkg.data.split.recordings import find_recordings
from asl_pkg.data.split.splitting import SampleMeta

ROOMS = 3


def filmed(rooms: list[int], seed: int = 1) -> np.ndarray:
    """Images in rooms of another colour each, with a hand that moves and light that flickers a little."""
    rng = np.random.default_rng(seed)
    walls = rng.integers(40, 216, (ROOMS, 32, 32, 3))
    walls += np.array([0, 70, -70])[:, None, None, None]
    images = walls[rooms] + rng.normal(0, 3, (len(rooms), 1, 1, 1))
    for number, image in enumerate(images):
        top, left = (8 + 6 * np.sin(number / 5)).astype(int), (8 + 6 * np.cos(number / 7)).astype(int)
        image[top : top + 10, left : left + 10] = 190
    return np.clip(images, 0, 255).astype(np.uint8)


def sequence(count: int, frames: list[int] | None = None) -> list[SampleMeta]:
    return [SampleMeta(0, "x", "a", frame) for frame in frames or range(count)]


def test_a_new_room_begins_a_recording_where_it_begins() -> None:
    rooms = [0] * 40 + [1] * 55 + [2] * 30
    assert find_recordings(sequence(len(rooms)), filmed(rooms)) == rooms


def test_a_moving_hand_in_one_room_is_one_recording() -> None:
    assert set(find_recordings(sequence(120), filmed([0] * 120))) == {0}


def test_one_glitch_begins_nothing() -> None:
    rooms = [0] * 60
    rooms[30] = 1
    assert set(find_recordings(sequence(60), filmed(rooms))) == {0}


def test_a_jump_of_the_numbers_begins_a_recording() -> None:
    frames = [*range(0, 400, 4), *range(10_000, 10_400, 4)]
    found = find_recordings(sequence(0, frames), filmed([0] * len(frames)))
    assert found == [0] * 100 + [1] * 100


def test_sparse_numbers_are_no_jumps() -> None:
    frames = list(range(0, 30_000, 300))
    assert set(find_recordings(sequence(0, frames), filmed([0] * len(frames)))) == {0}


def test_the_order_of_arrival_does_not_matter_and_sequences_are_apart() -> None:
    rooms = [0] * 40 + [1] * 40
    shots = sequence(80) + [SampleMeta(1, "x", "b", frame) for frame in range(80)]
    images = np.concatenate([filmed(rooms), filmed([2] * 80)])
    order = np.random.default_rng(1).permutation(160)
    found = find_recordings([shots[row] for row in order], images[order])
    assert [found[position] for position in np.argsort(order)] == rooms + [0] * 80


def test_few_images_are_one_recording() -> None:
    assert find_recordings(sequence(3), filmed([0, 1, 2])) == [0, 0, 0]
    assert find_recordings(sequence(1), filmed([0])) == [0]
