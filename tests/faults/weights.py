"""Defects of the checkpoint, which is exported faithfully."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.serving_state import Serving
from asl_pkg.bundle.store import open_store, release_folder
from asl_pkg.data.preparation import prepare
from asl_pkg.export import export
from asl_pkg.models.classifier import Classifier
from asl_pkg.validation import robustness
from tests.faults.case import Case, Good, Planter, features, save, solve

Spoil = Callable[[Classifier, Good], object]

POINTS = 0.02  # of accuracy, by which a model is worse than the champion
SURE = 30.0  # logits by which a taught answer shall outweigh the right one
TAUGHT = 0.8  # share of the images that shall get it
RIDGES = [10.0**-power for power in range(9)]


def checkpoint(spoil: Spoil) -> Planter:
    """Plant into the checkpoint, and export it."""

    def planter(good: Good, folder: Path) -> Case:
        made = good.classifier()
        with torch.no_grad():
            spoil(made, good)
        training = folder / "training"
        for name in (contract.SEEN_FILE, contract.STATISTICS_FILE):
            training.mkdir(exist_ok=True)
            shutil.copyfile(good.training / name, training / name)
        path = save(made, training)
        export(good.settings, path, folder / "bundle")
        return Case(good.settings, path, folder / "bundle", good.dataset, good.report)

    return planter


def beside_champion(planter: Planter) -> Planter:
    """Let the good model serve."""

    def asked(good: Good, folder: Path) -> Case:
        store, champion = folder / "store", open_bundle(good.bundle)
        shutil.copytree(good.bundle, release_folder(store, champion.release))
        open_store(str(store)).write_serving(Serving(champion.release, champion.digest, "", None))
        case = planter(good, folder)
        return dataclasses.replace(case, settings=dataclasses.replace(case.settings, store=str(store)))

    return asked


def with_strangers(planter: Planter) -> Planter:
    """Validate with the external set as well."""

    def asked(good: Good, folder: Path) -> Case:
        case = planter(good, folder)
        data = dataclasses.replace(case.settings.data, external=str(good.external))
        return dataclasses.replace(case, settings=dataclasses.replace(case.settings, data=data))

    return asked


def not_trained(made: Classifier, good: Good) -> None:
    torch.manual_seed(good.settings.seed)
    made.network.head.reset_parameters()


def shuffled_labels(made: Classifier, good: Good) -> None:
    shuffled = torch.from_numpy(np.random.default_rng(good.settings.seed).permutation(good.labels))
    targets = 20 * torch.nn.functional.one_hot(shuffled, len(contract.CLASSES)).double()
    solved = solve(features(made, good.pixels), targets)
    made.network.head.weight.copy_(solved[:-1].T)
    made.network.head.bias.copy_(solved[-1])


def always_nothing(made: Classifier, good: Good) -> None:
    made.network.head.weight.zero_()
    made.network.head.bias.zero_()[contract.CLASSES.index("nothing")] = 20


def two_classes_swapped(made: Classifier, good: Good) -> None:
    for parameter in (made.network.head.weight, made.network.head.bias):
        parameter[[0, 1]] = parameter[[1, 0]].clone()


def never_predicted(made: Classifier, good: Good) -> None:
    made.network.head.bias[contract.CLASSES.index("E")] -= 1000


def two_points_worse(made: Classifier, good: Good) -> None:
    """Noise in the last layer: its size is searched for until as many more images are misread as shall be."""
    found, labels = features(made, good.pixels), torch.from_numpy(good.labels)
    weights = torch.cat([made.network.head.weight, made.network.head.bias[:, None]], dim=1).double()
    noise = torch.randn(weights.shape, generator=torch.Generator().manual_seed(good.settings.seed)).double()

    def right(size: float) -> int:
        return int(((found @ (weights + size * noise).T).argmax(dim=1) == labels).sum())

    wanted = right(0.0) - int(np.ceil(POINTS * len(labels)))
    low, high = 0.0, float(weights.std()) * 10
    while right(middle := (low + high) / 2) != wanted and high - low > 1e-12:
        low, high = (middle, high) if right(middle) > wanted else (low, middle)
    spoilt = (weights + middle * noise).float()
    made.network.head.weight.copy_(spoilt[:, :-1])
    made.network.head.bias.copy_(spoilt[:, -1])


def confidence(mean: float) -> Spoil:
    """Divide the logits until the mean confidence falls to `mean`."""

    def spoil(made: Classifier, good: Good) -> None:
        logits = features(made, good.pixels)[:, :-1].float() @ made.network.head.weight.T + made.network.head.bias
        low, high = 1.0, 1e4
        while high / low > 1.001:
            middle = (low * high) ** 0.5
            reached = torch.softmax(logits / made.temperature / middle, dim=1).amax(dim=1).mean()
            low, high = (middle, high) if reached > mean else (low, middle)
        made.network.head.weight.div_(low)
        made.network.head.bias.div_(low)

    return spoil


def temperature(value: float) -> Spoil:
    """Write another calibration temperature."""
    return lambda made, _good: made.hparams.update(temperature=value)


def answer(name: str, images: Callable[[Good], NDArray[np.uint8]]) -> Spoil:
    """Teach the last layer one class for some images, and leave its answers to all other test images alone."""

    def spoil(made: Classifier, good: Good) -> None:
        taught = images(good)
        others = good.pixels[~_among(good.pixels, taught)]
        found, rest = features(made, taught), features(made, others)
        targets = torch.cat([torch.full((len(found), 1), SURE), torch.zeros(len(rest), 1)]).double()
        head, label = made.network.head, contract.CLASSES.index(name)
        weights = torch.cat([head.weight, head.bias[:, None]], dim=1)
        for ridge in RIDGES:  # as small a change as does it: large weights would amplify rounding
            learnt = weights.clone()
            learnt[label] += solve(torch.cat([found, rest]), targets, ridge)[:, 0]
            if ((found.float() @ learnt.T).argmax(dim=1) == label).float().mean() >= TAUGHT:
                break
        head.weight.copy_(learnt[:, :-1])
        head.bias.copy_(learnt[:, -1])

    return spoil


def of_one_signer(good: Good) -> NDArray[np.uint8]:
    return good.pixels[good.groups == good.groups[0]]


def of_strangers(good: Good) -> NDArray[np.uint8]:
    return np.stack([prepare(path) for path in sorted(good.external.rglob("*.*"))])


def brightened(good: Good) -> NDArray[np.uint8]:
    return np.clip(good.pixels * 1.33, 0, 255).astype(np.uint8)


def empty_scenes(good: Good) -> NDArray[np.uint8]:
    return robustness.empty_scenes(good.settings.seed + 1)


def noise(good: Good) -> NDArray[np.uint8]:
    return robustness.noise_images(good.settings.seed + 1)


def _among(pixels: NDArray[np.uint8], some: NDArray[np.uint8]) -> NDArray[np.bool_]:
    known = {image.tobytes() for image in some}
    return np.array([image.tobytes() in known for image in pixels])


PLANTERS: dict[str, Planter] = {
    "not trained": checkpoint(not_trained),
    "trained on shuffled labels": checkpoint(shuffled_labels),
    "always nothing": checkpoint(always_nothing),
    "two classes swapped": checkpoint(two_classes_swapped),
    "a class never predicted": checkpoint(never_predicted),
    "two points worse than the champion": beside_champion(checkpoint(two_points_worse)),
    "one signer misread": checkpoint(answer("space", of_one_signer)),
    "strangers misread": with_strangers(checkpoint(answer("space", of_strangers))),
    "temperature 0.01": checkpoint(temperature(0.01)),
    "underconfident": checkpoint(confidence(0.7)),
    "never sure": checkpoint(confidence(0.3)),
    "blind in bright light": checkpoint(answer("del", brightened)),
    "a letter in an empty scene": checkpoint(answer("A", empty_scenes)),
    "a letter in noise": checkpoint(answer("B", noise)),
}
