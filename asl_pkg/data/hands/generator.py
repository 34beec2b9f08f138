"""Recordings of synthetic signers: the generator of `asl pull data=synthetic`."""

from dataclasses import dataclass

import numpy as np

from asl_pkg.contract import CLASSES, IMAGE_PX
from asl_pkg.data.hands.camera import develop
from asl_pkg.data.hands.flesh import flesh_out, stray_arm
from asl_pkg.data.hands.render import render_hand
from asl_pkg.data.hands.signer import Signer, make_signer
from asl_pkg.data.hands.skeleton import pose_hand
from asl_pkg.data.hands.stage import SWAY_MARGIN_PX, RecordingStage, aim, project, set_stage
from asl_pkg.data.hands.vary import drift, recorded_pose

ARM_SHARE = 0.3  # of the recordings of `nothing` show an arm across the image


@dataclass(frozen=True)
class Frame:
    """An image and where its hand is."""

    pixels: np.ndarray  # uint8 [200, 200, 3], RGB
    landmarks_2d: np.ndarray | None  # float32 [21, 2], pixels, x right and y down; None for `nothing`
    landmarks_3d: np.ndarray | None  # float32 [21, 3], hand lengths from the wrist, x right, y down, z away


def make_recording(seed: int, signer: int, label: int, recording: int, frames: int) -> list[Frame]:
    """Make a short recording of one signer and one letter.

    The pose drifts from frame to frame, so that neighbours are near-duplicates. The same arguments give the same
    pixels, in any order, process or thread, on one machine and set of versions.

    Args:
        seed: Seed of the whole data set.
        signer: Number of the signer.
        label: Index of the letter in `contract.CLASSES`.
        recording: Number of this recording of the letter by the signer.
        frames: Number of frames.

    Returns:
        The frames in order.
    """
    person = make_signer(np.random.SeedSequence(seed, spawn_key=(signer,)))
    habit = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(signer, label)))
    take = np.random.SeedSequence(seed, spawn_key=(signer, label, recording))
    rng, motion, sensor = (np.random.default_rng(stream) for stream in take.spawn(3))
    stage, (bends, sways) = set_stage(rng, person), drift(motion, frames)
    if CLASSES[label] == "nothing":
        made = _empty(person, stage, sways, rng, sensor)
    else:
        made = _signed(person, stage, recorded_pose(CLASSES[label], person, habit, rng) + bends, sways, sensor)
    return [_mirrored(frame) for frame in made] if person.left_handed else made


def _signed(
    signer: Signer, stage: RecordingStage, poses: np.ndarray, sways: np.ndarray, sensor: np.random.Generator
) -> list[Frame]:
    """Frames of a right hand in the poses [frames, 26]."""
    start = aim(pose_hand(signer.bones, poses[0]), stage, signer.camera.distance)
    frames = []
    for pose, sway in zip(poses, sways, strict=True):
        skeleton = pose_hand(signer.bones, pose)
        camera = start + [0.0, 0.0, *sway[2:]]
        capsules = flesh_out(skeleton, signer.build)
        hand = render_hand(capsules, skeleton.rotation, camera, stage.light, signer.look, IMAGE_PX)
        pixels = develop(hand, _window(stage, sway), signer.camera, sensor)
        away = skeleton.joints * [1.0, -1.0, -1.0]
        flat = project(skeleton.joints, camera)
        frames.append(Frame(pixels, flat.astype(np.float32), away.astype(np.float32)))
    return frames


def _empty(
    signer: Signer, stage: RecordingStage, sways: np.ndarray, rng: np.random.Generator, sensor: np.random.Generator
) -> list[Frame]:
    """Frames without a hand: the room, or the room with an arm across it."""
    hand = None
    if rng.random() < ARM_SHARE:
        distance = signer.camera.distance
        camera = np.array([distance, distance * stage.hand_share * IMAGE_PX, *(rng.uniform(0.0, 1.0, 2) * IMAGE_PX)])
        capsules = stray_arm(rng.uniform(0.0, 360.0), signer.build)
        hand = render_hand(capsules, np.eye(3), camera, stage.light, signer.look, IMAGE_PX)
    return [Frame(develop(hand, _window(stage, sway), signer.camera, sensor), None, None) for sway in sways]


def _window(stage: RecordingStage, sway: np.ndarray) -> np.ndarray:
    """The part of the background that the swaying camera sees."""
    x, y = np.clip(np.rint(SWAY_MARGIN_PX + sway[:2]).astype(int), 0, 2 * SWAY_MARGIN_PX)
    return stage.background[y : y + IMAGE_PX, x : x + IMAGE_PX]


def _mirrored(frame: Frame) -> Frame:
    """The frame with the other hand."""
    pixels = np.ascontiguousarray(frame.pixels[:, ::-1])
    if frame.landmarks_2d is None or frame.landmarks_3d is None:
        return Frame(pixels, None, None)
    flat, away = frame.landmarks_2d.copy(), frame.landmarks_3d.copy()
    flat[:, 0] = IMAGE_PX - flat[:, 0]
    away[:, 0] = -away[:, 0]
    return Frame(pixels, flat, away)
