"""HandNetwork finds hands where they are, gives an answer for every image, and learns from features."""

import numpy as np
import pytest
import torch
from PIL import Image

from asl_pkg import contract
from asl_pkg.data.hands.generator import make_recording
from asl_pkg.models.hand.network import FEATURES, HandNetwork
from asl_pkg.models.normalise import Normalise

SEED = 7
LETTERS = "BLWCY"  # every finger is seen


@pytest.fixture(scope="module")
def network() -> HandNetwork:
    torch.manual_seed(0)
    return HandNetwork(dropout=0.0).eval()


@pytest.fixture(scope="module")
def frames() -> list[tuple[np.ndarray, np.ndarray]]:
    """Drawn hands: pixels uint8 [200, 200, 3] and true landmarks [21, 2] in pixels."""
    made = [
        make_recording(SEED, signer, contract.CLASSES.index(letter), 0, 1)[0] for signer, letter in enumerate(LETTERS)
    ]
    return [(frame.pixels, frame.landmarks_2d) for frame in made if frame.landmarks_2d is not None]


def _features(network: HandNetwork, pixels: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        return network.extract(Normalise()(torch.from_numpy(pixels)))


def _found(features: torch.Tensor) -> np.ndarray:
    """Landmarks in pixels [n, 21, 2]."""
    coordinates = features[:, : contract.HAND_POINTS * 3].unflatten(1, (contract.HAND_POINTS, 3))
    return contract.IMAGE_PX * coordinates[..., :2].numpy()


def test_landmarks_are_where_the_drawn_joints_are(
    network: HandNetwork, frames: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    found = _found(_features(network, np.stack([pixels for pixels, _ in frames])))
    distances = np.linalg.norm(found - np.stack([joints for _, joints in frames]), axis=2).mean(axis=1)
    assert np.median(distances) < 10  # px of 200; hands turned away are found less well


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_hand_is_found_turned(
    network: HandNetwork, frames: list[tuple[np.ndarray, np.ndarray]], turns: int
) -> None:
    pixels = np.stack([image for image, _ in frames])
    upright = _found(_features(network, pixels)) - contract.IMAGE_PX / 2
    turned = _found(_features(network, np.rot90(pixels, turns, axes=(1, 2)).copy())) - contract.IMAGE_PX / 2
    for _ in range(turns):  # back, clockwise on screen
        turned = np.stack([-turned[..., 1], turned[..., 0]], axis=2)
    assert np.median(np.linalg.norm(turned - upright, axis=2)) < 5


def test_an_answer_does_not_depend_on_the_other_images(
    network: HandNetwork, frames: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    pixels = np.stack([image for image, _ in frames])
    alone = torch.cat([_features(network, image[None]) for image in pixels])
    torch.testing.assert_close(_features(network, pixels), alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_image_without_a_hand_gets_finite_logits(network: HandNetwork, grey: int) -> None:
    images = Normalise()(torch.full((2, 200, 200, 3), grey, dtype=torch.uint8))
    with torch.inference_mode():
        logits = network(images)
    assert logits.shape == (2, len(contract.CLASSES))
    assert torch.isfinite(logits).all()


def test_the_classifiers_learn_a_handful_of_hands_by_heart() -> None:
    torch.manual_seed(0)
    network = HandNetwork(dropout=0.0)
    features, labels = torch.rand(8, FEATURES), torch.arange(8)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = sum(torch.nn.functional.cross_entropy(logits, labels) for logits in network.learn(features))
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        assert (network.eval().classify(features).argmax(dim=1) == labels).all()


def test_only_the_classifiers_are_trained() -> None:
    trained = {name.partition(".")[0] for name, weight in HandNetwork(0.0).named_parameters() if weight.requires_grad}
    assert trained == {"by_shape", "by_pixels"}


@pytest.mark.parametrize("large_left", [True, False])
def test_of_two_hands_the_larger_is_read(
    network: HandNetwork, frames: list[tuple[np.ndarray, np.ndarray]], large_left: bool
) -> None:
    image = Image.fromarray(frames[LETTERS.index("Y")][0])
    both = Image.new("RGB", image.size, (128, 128, 128))
    large, small = (0, 135) if large_left else (65, 0)
    both.paste(image.resize((135, 135)), (large, 30))
    both.paste(image.resize((65, 65)), (small, 60))
    middle = _found(_features(network, np.array(both)[None]))[0, :, 0].mean()
    assert large < middle < large + 135
