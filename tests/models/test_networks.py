"""Shapes, freezing, weights from files, and the served module."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models
from torchvision.transforms import v2

from asl_pkg import contract
from asl_pkg.config.schema import BaselineModel, ModelSettings, ResNetModel
from asl_pkg.errors import DataError, SettingError
from asl_pkg.models import build
from asl_pkg.models.baseline import BaselineCNN
from asl_pkg.models.normalise import Normalise
from asl_pkg.models.resnet import TransferResNet

SIDE = contract.IMAGE_PX


@pytest.mark.parametrize(
    "settings",
    [BaselineModel(), BaselineModel(width=4), *(ResNetModel(backbone=f"resnet{depth}") for depth in (18, 34, 50))],
    ids=["baseline", "narrow", "resnet18", "resnet34", "resnet50"],
)
def test_every_network_gives_29_logits_for_each_image(settings: ModelSettings) -> None:
    logits = build(settings).eval()(torch.zeros(2, 3, SIDE, SIDE))
    assert logits.shape == (2, 29)
    assert torch.isfinite(logits).all()


def test_settings_of_no_network_are_refused() -> None:
    with pytest.raises(SettingError, match="baseline, resnet"):
        build(ModelSettings(name="transformer"))


def test_normalise_does_what_torchvision_does() -> None:
    pixels = torch.randint(0, 256, (2, 10, 12, 3), dtype=torch.uint8)
    reference = v2.Normalize(contract.IMAGENET_MEAN, contract.IMAGENET_STD)(pixels.permute(0, 3, 1, 2) / 255)
    before = pixels.clone()
    torch.testing.assert_close(Normalise()(pixels), reference, atol=1e-5, rtol=1e-5)
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("name", ["baseline", "resnet"])
def test_a_network_learns_a_handful_of_images_by_heart(name: str) -> None:
    torch.manual_seed(0)
    network = build(BaselineModel(width=8, dropout=0.0) if name == "baseline" else ResNetModel())
    # a residual network takes any size, and smaller images keep the test short
    side = SIDE if name == "baseline" else 64
    images, labels = torch.randn(6, 3, side, side), torch.arange(6)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
    assert (network(images).argmax(dim=1) == labels).all()


def test_the_baseline_sees_where_something_is() -> None:
    network = build(BaselineModel()).eval()
    corner = torch.zeros(1, 3, SIDE, SIDE)
    corner[:, :, :80, :80] = 1
    assert not torch.allclose(network(corner), network(corner.flip(3)), atol=1e-3)


def test_the_baseline_learns_to_point_at_landmarks() -> None:
    torch.manual_seed(0)
    network = BaselineCNN(width=8, dropout=0.0)
    images = torch.zeros(32, 3, SIDE, SIDE)
    landmarks = torch.rand(32, 1, 2) - 0.5 + (torch.rand(32, 21, 2) - 0.5) * 0.4
    for image, places in zip(images, ((landmarks + 1) / 2 * SIDE).int().tolist(), strict=True):
        for x, y in places:
            image[:, y - 2 : y + 3, x - 2 : x + 3] = 1
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    distances = []
    for _ in range(30):
        _, distance = network.learn(images, landmarks)
        optimizer.zero_grad()
        distance.backward()
        optimizer.step()
        distances.append(distance.item())
    assert distances[-1] < 0.5 * distances[0]


def test_images_without_landmarks_teach_the_baseline_nothing_about_them() -> None:
    network = BaselineCNN(width=4, dropout=0.0).eval()
    images = torch.rand(2, 3, SIDE, SIDE)
    logits, distance = network.learn(images, torch.full((2, 21, 2), torch.nan))
    assert distance == 0
    torch.testing.assert_close(network(images), logits)


def test_a_frozen_backbone_neither_learns_nor_counts() -> None:
    network = build(ResNetModel(freeze_backbone=True))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    optimizer = torch.optim.SGD([parameter for parameter in network.parameters() if parameter.requires_grad], 0.1)
    nn.functional.cross_entropy(network(torch.randn(2, 3, SIDE, SIDE)), torch.tensor([0, 1])).backward()
    optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"head.weight", "head.bias"}


def test_weights_from_a_file_are_taken(tmp_path: Path) -> None:
    donor = torchvision_models.resnet18()
    torch.save(donor.state_dict(), tmp_path / "weights.pth")
    network = TransferResNet("resnet18", freeze_backbone=False)
    network.load_weights(str(tmp_path / "weights.pth"))
    assert torch.equal(network.backbone.conv1.weight, donor.conv1.weight)


def test_learning_from_scratch_is_said() -> None:
    with pytest.warns(UserWarning, match="trains from scratch.*model.weights"):
        TransferResNet("resnet18", freeze_backbone=False).load_weights("")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no weights in"),
        (b"not a checkpoint", "no weights that load safely"),
        (torchvision_models.resnet34, "not the weights of resnet18"),
        (np.float64, "no weights that load safely"),
    ],
    ids=["missing", "noise", "another network", "foreign object"],
)
def test_unusable_weights_are_refused_in_one_line(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is torchvision_models.resnet34:
        torch.save(torchvision_models.resnet34().state_dict(), path)
    elif content is not None:
        torch.save(Path("a foreign object"), path)
    with pytest.raises(DataError, match=message) as caught:
        TransferResNet("resnet18", freeze_backbone=False).load_weights(str(path))
    assert "\n" not in str(caught.value)


def test_download_without_a_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens on the discard port
    with pytest.raises(DataError, match="cannot be downloaded.*model.weights=FILE.pth"):
        TransferResNet("resnet18", freeze_backbone=False).load_weights("download")
