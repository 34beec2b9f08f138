"""A tiny model that works, and its data set: real parts, made in a second.

Each class is a place on a grid. A red square stands there and a blue one elsewhere, on a signer's own background: so a
model that mixes up channels, classes or normalisation is seen to fail.
"""

import dataclasses
import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch
from PIL import Image

from asl_pkg import contract
from asl_pkg.config.schema import BaselineModel, Settings, SyntheticData, TrainerSettings, ValidateSettings
from asl_pkg.data.dataset import DatasetInfo, write_info
from asl_pkg.data.hashing import dhash
from asl_pkg.export import export
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.evaluation import predict_logits, statistics
from asl_pkg.storage.atomic import sha256
from asl_pkg.train import SEEN_COLUMNS
from asl_pkg.validation.robustness import empty_scenes, noise_images
from tests.faults import case as planting
from tests.faults.case import plant

COLUMNS, CELL_PX = 6, 33
CLASSES = len(contract.CLASSES)
SIGNERS = 8
DIGEST = "d" * 64


def image(label: int, signer: int) -> np.ndarray:
    """uint8 [200, 200, 3]."""
    rng = np.random.default_rng([label, signer])
    pixels = np.empty((contract.IMAGE_PX, contract.IMAGE_PX, 3), np.uint8)
    pixels[:] = rng.integers(80, 130, 3)
    for place, colour in ((label, (230, 20, 20)), ((label + 11) % CLASSES, (20, 20, 230))):
        row, column = divmod(place, COLUMNS)
        pixels[row * CELL_PX :, column * CELL_PX :][:CELL_PX, :CELL_PX] = colour
    return pixels


def png(pixels: np.ndarray) -> bytes:
    """A file that gives these very pixels."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


def patchwork(label: int) -> np.ndarray:
    """uint8 [200, 200, 3], like no other image here."""
    patches = np.random.default_rng([label, 1]).integers(0, 256, (10, 10, 3), np.uint8)
    return patches.repeat(contract.IMAGE_PX // 10, axis=0).repeat(contract.IMAGE_PX // 10, axis=1)


def rows(split: str, signers: int) -> pa.Table:
    """One image of each class by each signer; of a training split, which nobody learns from here, patchwork."""
    shown = [(label, signer) for signer in range(signers) for label in range(CLASSES)]
    pixels = [patchwork(label) if split == "train" else image(label, signer) for label, signer in shown]
    data = [png(image) for image in pixels]
    columns = {
        "image": [
            {"bytes": file, "path": f"{label}/{signer}.png"} for file, (label, signer) in zip(data, shown, strict=True)
        ],
        "label": [label for label, _ in shown],
        "signer": [f"{split} signer {signer}" for _, signer in shown],
        "group": [f"block {signer}" for _, signer in shown],
        "split": [split for _ in shown],
        "sha256": [hashlib.sha256(file).hexdigest() for file in data],
        "dhash": pa.array([dhash(image) for image in pixels], pa.uint64()),
        "landmarks_3d": pa.nulls(len(pixels), pa.list_(pa.list_(pa.float32()))),
    }
    return pa.table(columns)


def write_dataset(folder: Path, signers: int = SIGNERS, unseen: bool = True) -> Path:
    """A data set without a validation split."""
    folder.mkdir(parents=True)
    for split, count in (("train", 1), ("test", signers)):
        pa.parquet.write_table(rows(split, count), folder / f"{split}-00000-of-00001.parquet")
    info = DatasetInfo(
        schema_version=contract.DATASET_SCHEMA,
        digest=DIGEST,
        fingerprint="f",
        source={"name": "synthetic"},
        seed=0,
        split_by="signer" if unseen else "block",
        unseen_signers=unseen,
        unmeasurable=[],
        counts={"test": dict.fromkeys(contract.CLASSES, signers)},
        signers={"train": 1, "validation": 1, "test": signers},
        versions={},
    )
    write_info(folder, info)
    return folder


def classifier() -> Classifier:
    """BaselineCNN whose last layer is solved for by least squares over random features: right on every image."""
    torch.manual_seed(0)
    made = Classifier(
        {
            "model": dataclasses.asdict(BaselineModel(width=4)),
            "trainer": dataclasses.asdict(TrainerSettings()),
            "temperature": 1.0,
            "classes": list(contract.CLASSES),
            "contract_version": contract.CONTRACT_VERSION,
            "dataset_digest": DIGEST,
            "commit": "unknown",
            "run_id": "0",
            "seed": 0,
        }
    ).eval()
    shown = torch.arange(CLASSES).repeat(12)
    empty = np.concatenate([empty_scenes(seed=1), noise_images(seed=1)])
    labels = torch.cat([shown, torch.full([len(empty)], contract.CLASSES.index("nothing"))])
    pixels = np.concatenate([[image(int(label), 100 + number) for number, label in enumerate(shown)], empty])
    solved = planting.solve(planting.features(made, pixels), 20 * torch.nn.functional.one_hot(labels, CLASSES).double())
    with torch.no_grad():
        made.network.head.weight.copy_(solved[:-1].T)
        made.network.head.bias.copy_(solved[-1])
    return made


def save(made: Classifier, folder: Path) -> Path:
    """The checkpoint as training leaves it, and its account of the images that it read."""
    path = planting.save(made, folder)
    pa.parquet.write_table(rows("train", 1).select(SEEN_COLUMNS), folder / contract.SEEN_FILE)
    return path


def settings(**thresholds: float) -> Settings:
    """Settings that keep decoded images in memory; the classifier of these tests sees a letter in some noise."""
    chosen = ValidateSettings(**{"noise_max": 0.5} | thresholds)
    return Settings(data=SyntheticData(cache_dir=""), store="no store", validate=chosen)


def sibling(bundle_dir: Path, target: Path, threads: int = 3) -> Path:
    """Another release that answers the same: its config.pbtxt asks for other threads."""

    def change(folder: Path) -> None:
        config = folder / contract.CONFIG_FILE
        config.write_text(config.read_text().replace('string_value: "1"', f'string_value: "{threads}"', 1))

    return plant(bundle_dir, target, change)


def report_on(bundle_dir: Path, report_dir: Path, target: Path, champion: str | None) -> Path:
    """A copy of a report that passed, as if it were on this bundle and compared with this champion."""
    shutil.copytree(report_dir, target)
    body = json.loads((target / contract.REPORT_FILE).read_text())
    body |= {"bundle_digest": sha256(bundle_dir / contract.BUNDLE_FILE), "champion": champion}
    (target / contract.REPORT_FILE).write_text(json.dumps(body))
    return target


def promise_otherwise(report_dir: Path) -> None:
    """Let the golden set of a report promise another answer to its first image."""
    golden = report_dir / contract.GOLDEN_FOLDER / contract.GOLDEN_FILE
    content = json.loads(golden.read_text())
    content["images"][0]["probabilities"] = np.roll(content["images"][0]["probabilities"], 1).tolist()
    golden.write_text(json.dumps(content))
    body = json.loads((report_dir / contract.REPORT_FILE).read_text())
    (report_dir / contract.REPORT_FILE).write_text(json.dumps(body | {"golden_digest": sha256(golden)}))


def measured(made: Classifier) -> dict[str, object]:
    """What training says of its validation split."""
    labels = np.arange(CLASSES).repeat(4)
    pixels = np.stack([image(int(label), 200 + number) for number, label in enumerate(labels)])
    return statistics(pixels, labels, predict_logits(made, pixels), 1.0)


@dataclasses.dataclass(frozen=True)
class Exported:
    """A good model, its bundle and the data set that it is right on."""

    classifier: Classifier
    checkpoint: Path
    bundle: Path
    dataset: Path


def make(folder: Path) -> Exported:
    """All of it."""
    made = classifier()
    checkpoint = save(made, folder / "models")
    (folder / "models" / contract.STATISTICS_FILE).write_text(json.dumps(measured(made)))
    export(settings(), checkpoint, folder / "bundle")
    return Exported(made, checkpoint, folder / "bundle", write_dataset(folder / "dataset"))
