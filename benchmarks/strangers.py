"""Does model=hand read people it never saw? Networks that learned synthetic hands alone, on real signers' photographs.

    python -m benchmarks.strangers --work strangers ann=ann.zip bob=bob.zip

Each archive holds photographs of one signer, …/<CLASS>/<name><frame>.jpg. BaselineCNN and HandNetwork are trained once
on the default synthetic hands; each of HandNetwork's two classifiers is scored alone, too. Scored are the 26 letters.
Intervals are 95 %, resampled by blocks of neighbouring frames: they say how far a figure may be off for this signer,
not for others. What is trained already in --work is not trained again.
"""

import argparse
import itertools
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from asl_pkg import contract
from asl_pkg.config.schema import (
    ArchiveData,
    BaselineModel,
    HandModel,
    ModelSettings,
    Settings,
    SyntheticData,
    TrainSettings,
)
from asl_pkg.data.preparation import prepare
from asl_pkg.data.sample import Sample
from asl_pkg.data.sources import open_source
from asl_pkg.metrics import classification
from asl_pkg.models import load_checkpoint
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.export_module import ExportModule
from asl_pkg.models.hand.extraction import extractor
from asl_pkg.models.hand.network import COORDINATES, HandNetwork
from asl_pkg.models.onnx_export import to_onnx
from asl_pkg.progress import track
from asl_pkg.pull import pull
from asl_pkg.train import train

LETTERS = 26
BLOCK_FRAMES = 100
RESAMPLES = 1000
FOUND = 0.5  # score of the palm and of the hand's presence
AT_ONCE = 8  # images
TIMED = 50  # images
WORST = 3


Found = NDArray[np.bool_] | None  # [n]; None for a network that does not look for hands


class Photographs(NamedTuple):
    """Letters of one signer."""

    pixels: NDArray[np.uint8]  # [n, 200, 200, 3]
    labels: NDArray[np.int64]  # [n]
    blocks: NDArray[np.int64]  # [n], numbers of the blocks of frames


def read(path: Path, every: int) -> Photographs:
    """Every so-manieth letter of an archive."""
    source = open_source(ArchiveData(path=str(path)), 0, Path("downloads"))
    letters = (item for item in source.read(0) if isinstance(item, Sample) and item.label < LETTERS)
    samples = list(itertools.islice(letters, 0, None, every))
    names = [(item.label, item.sequence, (item.frame or 0) // BLOCK_FRAMES) for item in samples]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    pixels = [prepare(item.data) for item in track(samples, len(samples), f"Reading {path.name}")]
    return Photographs(
        np.stack(pixels), np.array([item.label for item in samples]), np.array([numbers[name] for name in names])
    )


def trained(model: ModelSettings, dataset_dir: Path) -> Classifier:
    """A network that learned synthetic hands, trained where it is not there yet."""
    folder = Path(model.name)
    if not (folder / contract.BEST_CHECKPOINT).is_file():
        settings = TrainSettings(model=model, data=SyntheticData(cache_dir="decoded"))
        print(f"{model.name}: trained in {train(settings, dataset_dir, folder)['seconds']:,.0f} s", flush=True)
    return load_checkpoint(folder / contract.BEST_CHECKPOINT)


def batches(pixels: NDArray[np.uint8], name: str) -> Iterator[torch.Tensor]:
    """Some images at a time."""
    starts = range(0, len(pixels), AT_ONCE)
    for start in track(starts, len(starts), f"Reading hands with {name}", "batches"):
        yield torch.from_numpy(pixels[start : start + AT_ONCE])


def answers(classifier: Classifier, pixels: NDArray[np.uint8]) -> dict[str, tuple[torch.Tensor, Found]]:
    """Logits [n, 29] of a network and of its parts, and whether a hand was found [n]."""
    with torch.inference_mode():
        if not isinstance(classifier.network, HandNetwork):
            logits = torch.cat([classifier(part) for part in batches(pixels, "BaselineCNN")])
            return {"BaselineCNN": (logits, None)}
        extract = extractor(classifier.network, torch.device("cpu"))
        features = torch.cat([extract(part) for part in batches(pixels, "HandNetwork")])
        found = (features[:, 2 * COORDINATES : 2 * COORDINATES + 2] > FOUND).all(dim=1).numpy()
        shape, crop = classifier.network.learn(features)
        parts = {"landmarks alone": shape, "pixels alone": crop, "HandNetwork": classifier.classify(features)}
        return {name: (logits, found) for name, logits in parts.items()}


def score(photographs: Photographs, probabilities: NDArray[np.float32], found: Found) -> dict[str, Any]:
    """The figures of one network on one signer."""
    _, labels, blocks = photographs
    answer, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = answer == labels
    confusions = classification.confusion_by_group(labels, answer, blocks)
    accuracy = classification.interval(classification.accuracy, confusions, RESAMPLES, 0)
    recall = classification.recall(confusions.sum(axis=0))[:LETTERS]
    mistakes = Counter(
        f"{contract.CLASSES[truth]} read as {contract.CLASSES[given]}"
        for truth, given in zip(labels[~right], answer[~right], strict=True)
    )
    return {
        "images": len(labels),
        "right": [accuracy.value, accuracy.low, accuracy.high],
        "found": None if found is None else float(found.mean()),
        "right_of_found": None if found is None else float(right[found].mean()),
        "calibration_error": classification.reliability(probabilities, labels).error,
        "wrong_at_coverage": classification.risk_coverage(confidence, right).at,
        "recall": dict(zip(contract.CLASSES, recall.tolist(), strict=False)),
        "worst": [contract.CLASSES[label] for label in np.argsort(recall)[:WORST]],
        "mistakes": mistakes.most_common(10),
    }


def cost(classifier: Classifier, pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Milliseconds for an image on one core, and megabytes, of the exported graph."""
    graph = to_onnx(ExportModule(classifier).eval(), {}).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    seconds = []
    for image in pixels[:TIMED]:
        start = time.perf_counter()
        session.run(None, {contract.INPUT_NAME: image[None]})
        seconds.append(time.perf_counter() - start)
    return {"ms": 1000 * float(np.median(seconds)), "mb": len(graph) / 1e6}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| signer | network | right of all | hand found | right of found | calibration error "
        "| wrong among the surest 50 / 80 / 100 % | worst letters |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        value, low, high = row["right"]
        hands = " | ".join("–" if row[name] is None else f"{row[name]:.1%}" for name in ("found", "right_of_found"))
        wrong = " / ".join(f"{share:.1%}" for share in row["wrong_at_coverage"].values())
        lines.append(
            f"| {row['signer']} | {row['network']} | {value:.1%} ({low:.1%}–{high:.1%}) | {hands} "
            f"| {row['calibration_error']:.3f} | {wrong} | {' '.join(row['worst'])} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, and score it on every signer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("signers", nargs="+", metavar="NAME=ARCHIVE")
    parser.add_argument("--work", type=Path, default=Path("strangers"), help="folder of what is trained")
    parser.add_argument("--every", type=int, default=1, help="score every so-manieth photograph")
    options = parser.parse_args()
    archives = {name: Path(path).resolve() for name, _, path in (item.partition("=") for item in options.signers)}
    options.work.mkdir(parents=True, exist_ok=True)
    os.chdir(options.work)
    if not Path("synthetic").is_dir():
        print(pull(Settings(data=SyntheticData()), Path("synthetic")).summary, flush=True)
    networks = [trained(model, Path("synthetic")) for model in (BaselineModel(), HandModel())]
    rows = []
    for signer, path in archives.items():
        photographs = read(path, options.every)
        for classifier in networks:
            for name, (logits, found) in answers(classifier, photographs.pixels).items():
                probabilities = torch.softmax(logits / classifier.temperature, dim=1).numpy()
                rows.append({"signer": signer, "network": name} | score(photographs, probabilities, found))
    costs = {type(classifier.network).__name__: cost(classifier, photographs.pixels) for classifier in networks}
    Path("strangers.json").write_text(json.dumps({"rows": rows, "costs": costs}, indent=2))
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n\n{table(rows)}\n")
    for name, found in costs.items():
        print(f"{name}: {found['ms']:.0f} ms for an image on one core, graph of {found['mb']:.0f} MB")


if __name__ == "__main__":
    main()
