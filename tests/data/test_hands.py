import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.contract import CLASSES, IMAGE_PX
from asl_pkg.data.hands.flesh import flesh_out
from asl_pkg.data.hands.generator import Frame, make_recording
from asl_pkg.data.hands.hand_shapes import POSES
from asl_pkg.data.hands.render import LIGHT_ROWS, render_hand
from asl_pkg.data.hands.sdf import distance, touched
from asl_pkg.data.hands.signer import make_signer
from asl_pkg.data.hands.skeleton import ANGLES, pose_hand, rotation
from asl_pkg.data.hands.stage import RecordingStage, aim, project
from asl_pkg.data.hands.vary import recorded_pose

ROOT = Path(__file__).parents[2]
SEED = 3
LETTERED = [letter for letter in CLASSES if letter != "nothing"]
BONES = [(0, 1), (0, 5), (0, 9), (0, 13), (0, 17)] + [(i, i + 1) for i in range(1, 20) if i % 4]


def record(letter: str, signer: int = 0, recording: int = 0, frames: int = 1) -> list[Frame]:
    return make_recording(SEED, signer, CLASSES.index(letter), recording, frames)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1])


def bone_lengths(points: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(points[a] - points[b]) for a, b in BONES])


@pytest.mark.parametrize("letter", CLASSES)
def test_every_class_renders(letter: str) -> None:
    frame = record(letter)[0]
    assert frame.pixels.shape == (IMAGE_PX, IMAGE_PX, 3)
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.std() > 3
    assert (frame.landmarks_2d is None) == (letter == "nothing")


def test_same_arguments_give_same_pixels_in_any_order() -> None:
    first = record("K", frames=2)
    record("nothing", signer=5)
    again = record("K", frames=2)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))


def test_threads_do_not_change_pixels() -> None:
    alone = [record(letter)[0].pixels for letter in "ABCD"]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda letter: record(letter)[0].pixels, "ABCD"))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def digest_elsewhere(folder: Path) -> str:
    """SHA-256 of an image that a process of its own makes with the package in `folder`."""
    code = (
        "import hashlib; from asl_pkg.data.hands.generator import make_recording;"
        f"print(hashlib.sha256(make_recording({SEED}, 1, 4, 0, 1)[0].pixels.tobytes()).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout.strip()


def test_another_process_makes_the_same_pixels() -> None:
    here = hashlib.sha256(record("E", signer=1)[0].pixels.tobytes()).hexdigest()
    assert digest_elsewhere(ROOT) == here


@pytest.mark.slow
def test_a_change_of_any_file_reaches_the_compiled_renderer(tmp_path: Path) -> None:
    """Numba's cache on disk watches one file; a stale one would go on making the images of yesterday's code."""
    shutil.copytree(ROOT / "asl_pkg", tmp_path / "asl_pkg", ignore=shutil.ignore_patterns("__pycache__"))
    before = digest_elsewhere(tmp_path)
    changed = tmp_path / "asl_pkg/data/hands/flesh.py"
    changed.write_text(changed.read_text().replace("PALM_MELT = 0.07", "PALM_MELT = 0.20"))
    assert digest_elsewhere(tmp_path) != before


def test_a_longer_recording_starts_like_a_shorter_one() -> None:
    short, long = record("L", frames=2), record("L", frames=4)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(short, long, strict=False))


@pytest.mark.parametrize("letter", ["A", "H", "nothing"])
def test_neighbouring_frames_are_near_duplicates_and_other_recordings_are_not(letter: str) -> None:
    near, far = [], []
    for signer in range(6):
        frames = record(letter, signer, frames=3)
        other = record(letter, signer, recording=1)[0]
        near += [correlation(a.pixels, b.pixels) for a, b in zip(frames, frames[1:], strict=False)]
        far.append(correlation(frames[0].pixels, other.pixels))
    assert np.median(near) > 0.9
    assert np.median(far) < 0.7
    assert not any(np.array_equal(a.pixels, b.pixels) for a, b in zip(frames, frames[1:], strict=False))


def test_signers_differ() -> None:
    people = [make_signer(np.random.SeedSequence(SEED, spawn_key=(number,))) for number in range(40)]
    colours = np.array([person.look[0] for person in people])
    assert colours.mean(axis=1).max() > 4 * colours.mean(axis=1).min()
    assert len({person.build.fingers for person in people}) == len(people)
    assert 0 < sum(person.left_handed for person in people) < 15
    assert 5 < sum(person.build.sleeve_radius > 0 for person in people) < 35


def test_a_signer_is_not_the_start_of_its_own_recordings() -> None:
    streams = [np.random.SeedSequence(SEED, spawn_key=key).generate_state(4) for key in ((0,), (0, 0), (0, 0, 0))]
    assert len({tuple(stream) for stream in streams}) == 3


@pytest.mark.parametrize("letter", LETTERED)
def test_every_landmark_lies_on_the_hand(letter: str) -> None:
    person = make_signer(np.random.SeedSequence(SEED, spawn_key=(2,)))
    light, look = np.ones((LIGHT_ROWS, 3)), person.look
    stage = RecordingStage(np.zeros((1, 1, 3)), light, 0.7, np.zeros(2))
    for pose in POSES[letter]:
        skeleton = pose_hand(person.bones, pose)
        camera = aim(skeleton, stage, person.camera.distance)
        hand = render_hand(flesh_out(skeleton, person.build), skeleton.rotation, camera, light, look, IMAGE_PX)
        columns, rows = np.clip(project(skeleton.joints, camera).astype(int), 0, IMAGE_PX - 1).T
        assert (hand[rows, columns, 3] > 0.5).all()


def test_most_landmarks_lie_in_the_image() -> None:
    points = np.vstack([record(letter, signer)[0].landmarks_2d for signer in range(2) for letter in LETTERED])
    assert np.mean((points >= 0) & (points < IMAGE_PX)) > 0.98


def test_bones_keep_their_lengths_through_a_recording_and_across_letters() -> None:
    frames = record("A", frames=3) + record("W", frames=2) + record("del", frames=1)
    lengths = np.array([bone_lengths(frame.landmarks_3d) for frame in frames])
    assert np.allclose(lengths, lengths[0], atol=1e-5)


def test_a_hand_is_one_hand_length_long() -> None:
    points = record("B")[0].landmarks_3d
    assert np.linalg.norm(np.diff(points[[0, 9, 10, 11, 12]], axis=0), axis=1).sum() == pytest.approx(1.0, abs=1e-5)


def test_left_hands_are_right_hands_mirrored() -> None:
    hands = {}
    for number in range(40):
        person = make_signer(np.random.SeedSequence(SEED, spawn_key=(number,)))
        points = make_recording(SEED, number, CLASSES.index("L"), 0, 1)[0].landmarks_3d
        hands.setdefault(person.left_handed, []).append(points[4, 0])
    assert np.mean(hands[False]) > 0.2  # the thumb of L points to the viewer's right
    assert np.mean(hands[True]) < -0.2


def test_the_table_has_a_pose_for_every_class_with_a_hand() -> None:
    assert sorted(POSES) == sorted(LETTERED)
    assert all(poses.shape == (len(poses), ANGLES) for poses in POSES.values())


def form_of(letter: str, signer: int, recording: int) -> int:
    """Which form of a letter a recording's pose is nearest to."""
    person = make_signer(np.random.SeedSequence(SEED, spawn_key=(signer,)))
    habit, rng = np.random.default_rng((SEED, signer)), np.random.default_rng((SEED, signer, recording))
    apart = recorded_pose(letter, person, habit, rng) - POSES[letter]
    return int(np.linalg.norm(apart, axis=1).argmin())


@pytest.mark.parametrize("letter", ["G", "J", "M"])  # whose forms are far apart
def test_a_signer_keeps_to_one_form_of_a_letter_and_signers_use_all(letter: str) -> None:
    forms = [{form_of(letter, signer, recording) for recording in range(3)} for signer in range(60)]
    assert all(len(found) == 1 for found in forms)
    assert set.union(*forms) == set(range(len(POSES[letter])))
    assert 20 < sum(found == {0} for found in forms) < 40, "half of the signers use the first"


@pytest.mark.parametrize(
    ("letter", "up", "folded"),
    [
        ("B", (8, 12, 16, 20), ()),
        ("D", (8,), (12, 16, 20)),
        ("E", (), (8, 12, 16, 20)),
        ("F", (12, 16, 20), (8,)),
        ("G", (), (12, 16, 20)),
        ("I", (20,), (8, 12, 16)),
        ("K", (8,), (16, 20)),
        ("L", (8,), (12, 16, 20)),
        ("M", (), (8, 12, 16, 20)),
        ("N", (), (8, 12, 16, 20)),
        ("R", (8, 12), (16, 20)),
        ("S", (), (8, 12, 16, 20)),
        ("U", (8, 12), (16, 20)),
        ("W", (8, 12, 16), (20,)),
        ("X", (), (12, 16, 20)),
        ("Y", (20,), (8, 12, 16)),
        ("Z", (8,), (12, 16, 20)),
    ],
)
def test_fingers_are_up_or_folded_as_the_alphabet_wants(
    letter: str, up: tuple[int, ...], folded: tuple[int, ...]
) -> None:
    bones = make_signer(np.random.SeedSequence(SEED)).bones
    for pose in POSES[letter]:
        joints = pose_hand(bones, np.concatenate([pose[:21], np.zeros(5)])).joints
        for tip in up:
            assert joints[tip, 1] > joints[tip - 3, 1] + 0.25, "fingertip above its knuckle"
        for tip in folded:
            assert joints[tip, 1] < joints[tip - 3, 1] + 0.2, "fingertip beside its knuckle"


@pytest.mark.parametrize(("letter", "fingers"), [("M", (8, 12, 16)), ("N", (8, 12))])
def test_fingers_of_m_and_n_lie_over_the_fist_or_hang_before_the_forearm(letter: str, fingers: tuple[int, ...]) -> None:
    bones = make_signer(np.random.SeedSequence(SEED)).bones
    for pose in POSES[letter]:
        joints = pose_hand(bones, pose).joints
        assert all(joints[tip, 1] < joints[tip - 3, 1] for tip in fingers), "fingertips below the knuckles"
        assert all(joints[tip, 2] > joints[0, 2] for tip in fingers), "before the wrist, as the viewer sees it"


def test_no_two_forms_are_almost_the_same() -> None:
    rows = [(letter, pose) for letter, poses in POSES.items() for pose in poses]
    for number, (letter, pose) in enumerate(rows):
        for other, another in rows[:number]:
            assert np.abs(pose - another).max() > 10, (letter, other)


def test_touching_fingers_touch() -> None:
    bones = make_signer(np.random.SeedSequence(SEED)).bones
    for letter, finger in (("F", 8), ("O", 8), ("D", 12)):
        for pose in POSES[letter]:
            joints = pose_hand(bones, pose).joints
            assert np.linalg.norm(joints[4] - joints[finger]) < 0.15, (letter, pose)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-180, 180), min_size=ANGLES, max_size=ANGLES))
def test_any_angles_keep_bone_lengths(angles: list[float]) -> None:
    bones = make_signer(np.random.SeedSequence(SEED)).bones
    joints = pose_hand(bones, np.array(angles)).joints
    assert np.allclose(bone_lengths(joints), bone_lengths(pose_hand(bones, POSES["B"][0]).joints))


@settings(max_examples=30, deadline=None)
@given(st.floats(-360, 360), st.floats(-360, 360), st.floats(-360, 360))
def test_rotations_keep_lengths_and_handedness(yaw: float, pitch: float, roll: float) -> None:
    turn = rotation(yaw, pitch, roll)
    assert np.allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1.0)


@pytest.mark.parametrize("letter", ["A", "B", "M", "R", "Y"])
def test_normals_point_where_the_distance_grows(letter: str) -> None:
    signer = make_signer(np.random.SeedSequence(SEED))
    capsules = flesh_out(pose_hand(signer.bones, POSES[letter][0]), signer.build)
    chosen, rng, small = np.arange(len(capsules)), np.random.default_rng(SEED), 1e-7
    for point in rng.uniform((-0.3, -0.2, -0.3), (0.3, 1.1, 0.3), (200, 3)):
        around = [(point + small * axis, point - small * axis) for axis in np.eye(3)]
        gradient = [(distance(*a, capsules, chosen) - distance(*b, capsules, chosen)) / (2 * small) for a, b in around]
        normal = touched(*point, capsules, chosen)[:3]
        aside = np.linalg.norm(gradient / np.linalg.norm(gradient) - normal)
        assert aside < 0.001
