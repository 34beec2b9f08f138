"""Films of drawn hands that sign, for Chromium's fake camera: it plays a file of JPEG images, 30 a second."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from asl_pkg.contract import IMAGE_PX
from asl_pkg.data.hands.camera import develop
from asl_pkg.data.hands.flesh import flesh_out
from asl_pkg.data.hands.hand_shapes import POSES
from asl_pkg.data.hands.render import render_hand
from asl_pkg.data.hands.signer import make_signer
from asl_pkg.data.hands.skeleton import HAND, WRIST, pose_hand
from asl_pkg.data.hands.stage import SWAY_MARGIN_PX, aim, set_stage
from asl_pkg.data.hands.vary import HABIT, RECORDING, deviation, drift

DRAWN_FPS = 10
REPEATED = 3  # of the camera's 30 a second
EMPTY = "nothing"

# Where a fingertip goes, in hand lengths from the start, as the camera sees a right hand: x right, y down
PATHS = {
    "J": [(0.0, 0.0), (0.0, 0.45), (0.05, 0.57), (0.13, 0.62), (0.22, 0.57), (0.26, 0.45)],
    "Z": [(0.0, 0.0), (-0.45, 0.0), (0.0, 0.4), (-0.45, 0.4)],
}
HELD_AS = {"J": "I", "Z": "D"}  # the hand shapes that draw them
START = {"J": (-0.13, -0.3), "Z": (0.22, -0.2)}  # of the path, from the middle of the image


def along(path: Sequence[tuple[float, float]], seconds: float, pause: float, fps: float) -> np.ndarray:
    """Places [n, 2] on the way along a path, slow at its ends, with a pause before and after it."""
    corners = np.array(path)
    passed = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))]
    share = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0.0, 1.0, round(seconds * fps)))
    still = np.zeros(round(pause * fps))
    where = np.r_[still, share, still + 1.0] * passed[-1]
    return np.stack([np.interp(where, passed, corners[:, axis]) for axis in (0, 1)], axis=1)


def usual(sign: str) -> np.ndarray:
    """The pose [26] of a sign in its commonest form."""
    return np.asarray(POSES[sign][0])


class Film:
    """What a camera sees of one drawn signer.

    Args:
        seed: Seed of the signer's recordings.
        signer: Number of the signer.
        side: Side of the drawn square in pixels, the middle of the film's images.
    """

    def __init__(self, seed: int, signer: int, side: int = IMAGE_PX) -> None:
        self._seeds = np.random.SeedSequence(seed, spawn_key=(signer,))
        self._person = make_signer(self._seeds)
        self._stage = set_stage(self._rng(), self._person)
        self._side = side
        self._camera = dataclasses.replace(
            self._person.camera, resolution_px=self._person.camera.resolution_px * side // IMAGE_PX
        )
        self._room = self._enlarged_room()
        self._frames: list[bytes] = []

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self._frames) / (DRAWN_FPS * REPEATED)

    def hold(self, sign: str, seconds: float) -> None:
        """Hold a sign still, as far as hands are still."""
        frames = round(seconds * DRAWN_FPS)
        if sign == EMPTY:
            self._add(None, frames)
            return
        rng = self._rng()
        pose = self._pose(sign, rng)
        bends, sways = drift(rng, frames)
        skeleton = pose_hand(self._person.bones, pose)
        start = aim(skeleton, self._stage, self._person.camera.distance)
        for bend, sway in zip(bends, sways, strict=True):
            self._draw(pose + bend, start + [0.0, 0.0, *sway[2:]])

    def draw(self, letter: str, seconds: float = 1.3, pause: float = 0.3) -> None:
        """Draw J or Z in the air, with a pause before and after it."""
        rng = self._rng()
        pose = self._pose(HELD_AS[letter], rng)
        stage = dataclasses.replace(self._stage, hand_share=0.5, place=np.zeros(2))
        start = aim(pose_hand(self._person.bones, pose), stage, self._person.camera.distance)
        length = 0.5 * IMAGE_PX
        for x, y in along(PATHS[letter], seconds, pause, DRAWN_FPS):
            place = (np.array([x, y]) + START[letter]) * length
            self._draw(pose, start + [0.0, 0.0, *place])

    def save(self, path: Path) -> Path:
        """Write the film."""
        path.write_bytes(b"".join(self._frames))
        return path

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self._seeds.spawn(1)[0])

    def _enlarged_room(self) -> np.ndarray:
        margin = slice(SWAY_MARGIN_PX, SWAY_MARGIN_PX + IMAGE_PX)
        seen = np.clip(self._stage.background[margin, margin] * 255.0, 0.0, 255.0).astype(np.uint8)
        enlarged = Image.fromarray(seen).resize((self._side, self._side), Image.Resampling.BICUBIC)
        return np.asarray(enlarged, np.float32) / 255.0

    def _pose(self, sign: str, rng: np.random.Generator) -> np.ndarray:
        """This person's way to make a sign in its commonest form."""
        pose = usual(sign) + deviation(rng, HABIT) + deviation(rng, RECORDING)
        pose[HAND] += self._person.turn
        pose[WRIST] += [0.0, self._person.elbow]
        return pose

    def _draw(self, pose: np.ndarray, camera: np.ndarray) -> None:
        """Add one image of a hand; `camera` is that of an image of IMAGE_PX."""
        skeleton = pose_hand(self._person.bones, pose)
        capsules = flesh_out(skeleton, self._person.build)
        scaled = camera * [1.0, *[self._side / IMAGE_PX] * 3]
        look, light = self._person.look, self._stage.light
        self._add(render_hand(capsules, skeleton.rotation, scaled, light, look, self._side), 1)

    def _add(self, hand: np.ndarray | None, frames: int) -> None:
        pixels = develop(hand, self._room, self._camera, self._rng())
        image = Image.new("RGB", (self._side * 3 // 2, self._side), tuple(pixels[:, 0].mean(axis=0).astype(int)))
        image.paste(Image.fromarray(pixels), (self._side // 4, 0))
        encoded = io.BytesIO()
        image.save(encoded, "JPEG", quality=92)
        self._frames += [encoded.getvalue()] * (frames * REPEATED)
