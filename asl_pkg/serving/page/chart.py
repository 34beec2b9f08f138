"""Draw the alphabet chart of the page: every class in its usual form, by one signer, on a plain background.

`python -m asl_pkg.serving.page.chart FOLDER` draws it for the transformer's container image, which has no renderer.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from asl_pkg import contract
from asl_pkg.data.hands import signer
from asl_pkg.data.hands.camera import develop
from asl_pkg.data.hands.flesh import Build, flesh_out
from asl_pkg.data.hands.hand_shapes import POSES
from asl_pkg.data.hands.render import render_hand
from asl_pkg.data.hands.skeleton import Bones, pose_hand
from asl_pkg.data.hands.stage import RecordingStage, aim
from asl_pkg.progress import track
from asl_pkg.storage.atomic import atomic_directory

SIDE_PX = 240
DRAWN_PX = 2 * SIDE_PX  # and scaled down: smooth outlines
MARGIN = 0.05  # share of the side: flesh reaches beyond the joints
QUALITY = 80
BACKGROUND = np.full((DRAWN_PX, DRAWN_PX, 3), (0.86, 0.88, 0.90), np.float32)
LENGTH = np.linalg.norm(signer.KNUCKLES[1]) + signer.PHALANGES[1].sum()
BONES = Bones(signer.KNUCKLES / LENGTH, signer.PHALANGES / LENGTH, signer.THUMB_BASE / LENGTH, signer.THUMB / LENGTH)
BUILD = Build(fingers=1.0, palm=1.0, forearm=1.0, sleeve_start=0.5, sleeve_radius=0.0)
BACK_OF_HAND = signer.SKIN[2]
PALM_SKIN = 0.7 * BACK_OF_HAND + 0.3 * signer.PALM_PINK
NAIL = 0.75 * PALM_SKIN + 0.25 * np.array([0.9, 0.72, 0.68])
# See skin.py; the last row but one is cloth, which is not seen.
LOOK = np.vstack([np.array([PALM_SKIN, BACK_OF_HAND, NAIL, NAIL]) ** 2.2, [0.4, 0.06, 0.15]])
LIGHT = np.array([[-0.44, 0.64, 0.63], [1.0] * 3, [0.5] * 3, [0.4] * 3])  # see render.py; a lamp from above, left
CAMERA = signer.Camera(5.0, np.ones(3, np.float32), contrast=1.0, noise=0.0, resolution_px=DRAWN_PX)
STAGE = RecordingStage(BACKGROUND, LIGHT, hand_share=1.2, place=np.zeros(2))


def draw_chart(folder: Path) -> None:
    """Draw every class.

    Args:
        folder: Folder to create, with CLASS.webp for each class.

    Raises:
        OSError: It cannot be written.
    """
    with atomic_directory(folder, lambda: None) as beside:
        for name in track(contract.CLASSES, len(contract.CLASSES), "Drawing the alphabet chart"):
            _draw(name).save(beside / f"{name}.webp", quality=QUALITY, method=6)


def cached_chart(cache: Path) -> Path:
    """Draw the chart, unless this version drew it before.

    Args:
        cache: Folder of all versions.

    Returns:
        Folder of the chart.

    Raises:
        OSError: It cannot be written.
    """
    sources = [Path(__file__), *sorted(Path(signer.__file__).parent.glob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    folder = cache / digest[: contract.RELEASE_DIGITS]
    if not folder.is_dir():
        draw_chart(folder)
    return folder


def _draw(name: str) -> Image.Image:
    """The image of a class; of `nothing`, the background."""
    hand = _hand(POSES[name][0]) if name in POSES else None
    pixels = develop(hand, BACKGROUND, CAMERA, np.random.default_rng(0))
    return Image.fromarray(pixels).resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)


def _hand(pose: np.ndarray) -> np.ndarray:
    skeleton = pose_hand(BONES, pose)
    camera = aim(skeleton, STAGE, CAMERA.distance)
    camera[1:] *= (1.0 - 2 * MARGIN) * DRAWN_PX / contract.IMAGE_PX  # aim takes images of the model's size
    camera[2:] += MARGIN * DRAWN_PX
    return render_hand(flesh_out(skeleton, BUILD), skeleton.rotation, camera, LIGHT, LOOK, DRAWN_PX)


if __name__ == "__main__":
    draw_chart(Path(sys.argv[1]))
