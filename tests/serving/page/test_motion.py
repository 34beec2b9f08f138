"""J and Z in the paths of fingertips, by landmarks of drawn hands, in the browser that runs it."""

import itertools
from typing import Any

import numpy as np
import pytest

from asl_pkg.contract import IMAGE_PX
from asl_pkg.data.hands.signer import make_signer
from asl_pkg.data.hands.skeleton import HAND, pose_hand
from asl_pkg.data.hands.stage import project
from tests.support.film import HELD_AS, PATHS, along, usual

TRACK = """async (frames) => {
  const { createTracker } = await import("/page/motion.js");
  const tracker = createTracker();
  return frames.map(([at, points]) => tracker.add(points, at));
}"""
SIGNERS = range(4)
STRAIGHT = {
    "down": [(0.0, 0.0), (0.0, 0.8)],
    "up": [(0.0, 0.8), (0.0, 0.0)],
    "aside": [(0.0, 0.0), (0.7, 0.0)],
    "aslant": [(0.0, 0.0), (0.5, 0.6)],
    "to and fro": [(0.0, 0.0), (0.5, 0.0), (0.0, 0.0), (0.5, 0.0)],
    "still": [(0.0, 0.0), (0.01, 0.0)],
}


def landmarks(pose: np.ndarray, signer: int) -> np.ndarray:
    """float64 [21, 3] of a drawn hand as the model gives them: pixels, z away from the camera."""
    bones = make_signer(np.random.SeedSequence(1, spawn_key=(signer,))).bones
    joints = pose_hand(bones, pose).joints
    length = 0.5 * IMAGE_PX
    flat = project(joints, np.array([4.0, 4.0 * length, IMAGE_PX / 2, IMAGE_PX / 2]))
    return np.column_stack([flat, -joints[:, 2] * length])


def track(
    modules: Any, pose: np.ndarray, path: list[tuple[float, float]], signer: int, *, fps: float = 8, left: bool = False,
    seconds: float = 1.0, roll: float = 0.0,
) -> list[dict[str, Any]]:  # fmt: skip
    """What the page makes of a hand that rests, goes along a path and rests."""
    rng = np.random.default_rng([signer, round(fps * 10)])
    frames = []
    way = along(path, seconds, pause=0.5, fps=fps)
    for number, (x, y) in enumerate(way):
        turned = pose.copy()
        turned[HAND] += [0.0, 0.0, roll * number / len(way)]
        points = landmarks(turned, signer) + [0.5 * IMAGE_PX * x, 0.5 * IMAGE_PX * y, 0.0]
        points += rng.normal(0.0, (0.8, 0.8, 1.6), points.shape)
        if left:
            points[:, 0] = IMAGE_PX - points[:, 0]
        frames.append([1000 * number / fps, points.tolist()])
    return list(modules.evaluate(TRACK, frames))


def letters(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["letter"] for answer in answers if answer["letter"]]


@pytest.mark.parametrize("letter", PATHS)
@pytest.mark.parametrize("left", [False, True])
def test_a_letter_drawn_in_the_air_is_found_once(modules: Any, letter: str, left: bool) -> None:
    for signer, fps, seconds in itertools.product(SIGNERS, (8, 10, 13), (0.8, 1.0)):
        answers = track(modules, usual(HELD_AS[letter]), PATHS[letter], signer, fps=fps, left=left, seconds=seconds)
        assert letters(answers) == [letter], (signer, fps, seconds)


def test_a_hand_that_turns_while_it_draws_a_j_is_followed(modules: Any) -> None:
    for signer in SIGNERS:
        assert letters(track(modules, usual("I"), PATHS["J"], signer, roll=40.0)) == ["J"], signer


@pytest.mark.parametrize("shape", ["I", "D", "J", "Z"])
@pytest.mark.parametrize("path", STRAIGHT)
def test_a_still_hand_or_one_that_moves_straight_draws_nothing(modules: Any, shape: str, path: str) -> None:
    for signer in SIGNERS:
        assert letters(track(modules, usual(shape), STRAIGHT[path], signer)) == [], signer


@pytest.mark.parametrize("shape", ["A", "B", "L", "S", "V", "W", "space"])
@pytest.mark.parametrize("letter", PATHS)
def test_other_hand_shapes_draw_nothing(modules: Any, shape: str, letter: str) -> None:
    for signer in SIGNERS:
        if shape != "L" or letter != "Z":  # an L with its thumb out points with the index finger alone, too
            assert letters(track(modules, usual(shape), PATHS[letter], signer)) == [], signer


def test_a_hand_is_moving_only_while_it_moves(modules: Any) -> None:
    answers = track(modules, usual("A"), STRAIGHT["aside"], 0, fps=10)
    moving = [answer["moving"] for answer in answers]
    assert not any(moving[:5])
    assert sum(moving[6:14]) >= 4
    assert not any(moving[-4:])


def test_frames_without_a_hand_draw_nothing(modules: Any) -> None:
    assert (
        modules.evaluate(TRACK, [[number * 100, None] for number in range(20)])
        == [{"letter": None, "moving": False}] * 20
    )
