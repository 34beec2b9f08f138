"""The synthetic hands judged from outside: by MediaPipe Hands, which never saw them.

A classifier learns the letters from MediaPipe's landmarks of real photographs and names synthetic images of 50
signers from MediaPipe's landmarks of those; a hand that is not found counts as wrong. Development only, in an
environment of its own, since the wheel that ships MediaPipe's models wants NumPy 1:

    python3.11 -m venv VENV && VENV/bin/pip install mediapipe==0.10.21 scikit-learn numba
    VENV/bin/python studies/realism.py --real asl_alphabet_signer1.zip asl_alphabet_signer2.zip
"""

import argparse
import io
import platform
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import mediapipe
import numpy as np
from PIL import Image
from sklearn.svm import SVC

sys.path.insert(0, str(Path(__file__).parents[1]))
from asl_pkg.contract import CLASSES
from asl_pkg.data.hands.generator import make_recording

SEED, SIGNERS = 20_261_122, 50  # fixed before the hand shapes were tuned, and never tuned on
REAL_PER_CLASS = 80  # photographs of each class from each source
STILL = [letter for letter in CLASSES if len(letter) == 1 and letter not in "JZ"]
SET_APART = "MNTP"  # one of the two real signers makes these otherwise
MIDDLE_CHAIN = (0, 9, 10, 11, 12)


class Judge:
    """MediaPipe Hands on single images."""

    def __init__(self) -> None:
        self._hands = mediapipe.solutions.hands.Hands(
            static_image_mode=True, max_num_hands=1, min_detection_confidence=0.5
        )

    def landmarks(self, pixels: np.ndarray) -> tuple[np.ndarray, bool] | None:
        """Landmarks [21, 2] in pixels of the hand in an image and whether it is called a left one; None: no hand."""
        found = self._hands.process(pixels)
        if not found.multi_hand_landmarks:
            return None
        points = [(point.x, point.y) for point in found.multi_hand_landmarks[0].landmark]
        left = found.multi_handedness[0].classification[0].label == "Left"
        return np.array(points) * [pixels.shape[1], pixels.shape[0]], left


def hand_length(points: np.ndarray) -> float:
    """Sum of the projected bones from the wrist to the middle fingertip."""
    return float(np.linalg.norm(np.diff(points[list(MIDDLE_CHAIN)], axis=0), axis=1).sum())


def features(points: np.ndarray, left: bool) -> np.ndarray:
    """Landmarks from the wrist in hand lengths, left hands mirrored: [42]."""
    return ((points - points[0]) / hand_length(points) * [-1 if left else 1, 1]).ravel()


def photographs(source: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield letter and pixels of evenly spaced real photographs of a folder or zip, REAL_PER_CLASS a class."""
    archive = zipfile.ZipFile(source) if source.is_file() else None
    names = archive.namelist() if archive else [str(path) for path in source.rglob("*.jpg")]
    for letter in STILL:
        own = sorted(n for n in names if n.lower().endswith(".jpg") and Path(n).parent.name == letter)
        for index in np.unique(np.linspace(0, len(own) - 1, min(REAL_PER_CLASS, len(own))).astype(int)):
            content = archive.read(own[index]) if archive else Path(own[index]).read_bytes()
            yield letter, np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def learn(judge: Judge, sources: list[Path]) -> SVC:
    """Train the classifier on MediaPipe's landmarks of the real photographs."""
    rows, letters = [], []
    for source in sources:
        for letter, pixels in photographs(source):
            seen = judge.landmarks(pixels)
            if seen is not None:
                rows.append(features(*seen))
                letters.append(letter)
    return SVC().fit(np.array(rows), letters)


def examine(judge: Judge, classifier: SVC, letter: str, seed: int) -> tuple[float, float, float]:
    """Share of synthetic hands found, median landmark error in hand lengths, and share named right, for one letter."""
    errors, right = [], 0
    for signer in range(SIGNERS):
        frame = make_recording(seed, signer, CLASSES.index(letter), 0, 1)[0]
        seen = judge.landmarks(frame.pixels)
        if seen is None or frame.landmarks_2d is None:
            continue
        errors.append(np.linalg.norm(seen[0] - frame.landmarks_2d, axis=1).mean() / hand_length(frame.landmarks_2d))
        right += letter in STILL and classifier.predict(features(*seen)[None])[0] == letter
    return len(errors) / SIGNERS, float(np.median(errors)) if errors else float("nan"), right / SIGNERS


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", nargs="+", type=Path, required=True, help="folders or zips of real photographs")
    parser.add_argument("--seed", type=int, default=SEED, help="of the synthetic signers; another one for tuning")
    options = parser.parse_args()
    judge = Judge()
    classifier = learn(judge, options.real)
    print(f"{platform.node()}: {platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"mediapipe {mediapipe.__version__}, {SIGNERS} signers of seed {options.seed}\n")
    print("letter   found  error  named")
    table = {letter: examine(judge, classifier, letter, options.seed) for letter in CLASSES if letter != "nothing"}
    for letter, (found, error, named) in table.items():
        print(f"{letter:8} {found:5.0%}  {error:5.3f}  {named:5.0%}" + ("" if letter in STILL else "  (not asked for)"))
    still = {letter: table[letter][2] for letter in STILL}
    least = min((letter for letter in STILL if letter not in SET_APART), key=still.__getitem__)
    print(f"\nfound in {np.mean([row[0] for row in table.values()]):.1%} of lettered images (aim: 80 %)")
    print(f"landmark error, median {np.nanmedian([row[1] for row in table.values()]):.3f} hand lengths (aim: 0.10)")
    print(f"named, mean over the 24 still letters: {np.mean(list(still.values())):.1%} (aim: 60 %)")
    print(f"least named but for {', '.join(SET_APART)}: {least}, {still[least]:.0%} (aim: 20 %)")


if __name__ == "__main__":
    main()
