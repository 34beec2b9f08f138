"""Defects of the graph: its results or its behaviour differ from the checkpoint's."""

import copy
from pathlib import Path

import torch
from torch import nn

from asl_pkg import contract
from asl_pkg.export import export, graph_metadata, to_onnx
from asl_pkg.models.export_module import ExportModule
from tests.faults.case import Case, Good, Planter, plant, save

TOO_LARGE = 300.0  # times a bright pixel it is beyond half precision's 65,504
RUNS = 20
USELESS = 1e-12  # a weight too small to change an answer


class Wrong(nn.Module):
    """A way to serve a network that is not `Served`'s."""

    def __init__(self, served: ExportModule) -> None:
        super().__init__()
        self.served = served
        self.normalise, self.network, self.temperature = served.normalise, served.network, served.temperature

    def answer(self, images: torch.Tensor) -> torch.Tensor:
        """Normalised float [n, 3, 200, 200] -> probabilities [n, 29]."""
        return torch.softmax(self.network(images) / self.temperature, dim=1)

    def scaled(self, values: torch.Tensor) -> torch.Tensor:
        """Normalise floats [n, 3, 200, 200] of 0 to 255."""
        return values * self.normalise.scale + self.normalise.shift


class Bgr(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.served(pixels.flip(3))


class NotNormalised(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.answer(pixels.permute(0, 3, 1, 2).float())


class NormalisedTwice(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.answer(self.scaled(self.normalise(pixels)))


class Reshaped(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.answer(self.scaled(pixels.reshape(-1, 3, contract.IMAGE_PX, contract.IMAGE_PX).float()))


class Mirrored(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.served(pixels.flip(2))


class SoftmaxTwice(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.served(pixels), dim=1)


class SlightlyOff(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.softmax(torch.log(self.served(pixels) + 1e-3), dim=1)


class Overflow(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        values = (pixels.permute(0, 3, 1, 2).float() * TOO_LARGE).half().float() / TOO_LARGE
        return self.answer(self.scaled(values))


class Centred(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits = self.network(self.normalise(pixels))
        return torch.softmax((logits - logits.mean(dim=0, keepdim=True) / 20) / self.temperature, dim=1)


class Shifted(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        probabilities = self.served(pixels)
        return torch.cat([probabilities[-1:], probabilities[:-1]])


class Random(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits = self.network(self.normalise(pixels))
        return torch.softmax((logits + torch.randn_like(logits) / 10) / self.temperature, dim=1)


class Slow(Wrong):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        probabilities = self.served(pixels)
        for run in range(1, RUNS):  # each of another image, or ONNX Runtime sees that it has computed it already
            probabilities = probabilities + USELESS * self.served(torch.cat([pixels[:, run:], pixels[:, :run]], dim=1))
        return probabilities


def graph(module: type[Wrong]) -> Planter:
    """Export another computation of the same network."""

    def planter(good: Good, folder: Path) -> Case:
        made = good.classifier()
        wrong = to_onnx(module(ExportModule(made).eval()).eval(), graph_metadata(made.hparams, good.settings.export))

        def replace(bundle: Path) -> None:
            (bundle / contract.MODEL_FILE).write_bytes(wrong.SerializeToString())

        bundle = plant(good.bundle, folder / "bundle", replace)
        return Case(good.settings, good.checkpoint, bundle, good.dataset, good.report)

    return planter


def stale(good: Good, folder: Path) -> Case:
    """The bundle of another epoch: every weight is a hundredth off."""
    made = good.classifier()
    earlier = copy.deepcopy(made)
    generator = torch.Generator().manual_seed(good.settings.seed)
    with torch.no_grad():
        for weight in earlier.network.parameters():
            weight.add_(0.01 * weight.std(correction=0) * torch.randn(weight.shape, generator=generator))
    export(good.settings, save(earlier, folder / "earlier"), folder / "bundle")
    return Case(good.settings, good.checkpoint, folder / "bundle", good.dataset, good.report)


def uncalibrated(good: Good, folder: Path) -> Case:
    """The checkpoint says another temperature than the one that its graph was made with."""
    made = good.classifier()
    made.hparams["temperature"] = 2 * made.temperature
    checkpoint = save(made, folder / "training")
    seen = folder / "training" / contract.SEEN_FILE
    seen.write_bytes((good.training / contract.SEEN_FILE).read_bytes())
    return Case(good.settings, checkpoint, good.bundle, good.dataset, good.report)


PLANTERS: dict[str, Planter] = {
    "BGR instead of RGB": graph(Bgr),
    "normalisation forgotten": graph(NotNormalised),
    "normalisation doubled": graph(NormalisedTwice),
    "NHWC taken for NCHW": graph(Reshaped),
    "mirrored": graph(Mirrored),
    "softmax twice": graph(SoftmaxTwice),
    "temperature left out": uncalibrated,
    "slightly off": graph(SlightlyOff),
    "stale checkpoint exported": stale,
    "fp16 overflow": graph(Overflow),
    "batch statistics in the graph": graph(Centred),
    "answers shifted in the batch": graph(Shifted),
    "dropout left on": graph(Random),
    "ten times slower": graph(Slow),
}
