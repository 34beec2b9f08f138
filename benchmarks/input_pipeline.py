"""How fast images reach the network: ours against torchvision, Hugging Face datasets and tensors that lie ready.

All of them feed the same loop, in turns, in one run. First the loaders alone (uint8 batches, no augmentation, files in
the page cache), then ResNet-18 learning at 200 px, from the second epoch on. The best of the rounds counts, since other
work on the machine only ever slows a round down. The other loaders are tried with several numbers of workers; with the
two that are fastest alone they feed the network.

    python benchmarks/input_pipeline.py --signers 10 --json input_pipeline.json
    python benchmarks/input_pipeline.py --dataset data/dataset
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}  # read when datasets is imported

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch
import torchvision
from torch.utils.data import DataLoader

from asl_pkg import contract
from asl_pkg.config.schema import ResNetModel, Settings, SyntheticData
from asl_pkg.data.augmentation import augment, draw_numbers
from asl_pkg.data.datamodule import ImageData
from asl_pkg.data.dataset import read_info, read_split, shards, write_info
from asl_pkg.models import build
from asl_pkg.models.normalise import Normalise
from asl_pkg.models.training import device
from asl_pkg.pull import pull

PUBLIC_SET = 87_000  # images of the ASL Alphabet set
ALONE_IMAGES = 2_000  # at least so many for the loaders alone: 240 MB of pixels
AIM_OF_BOUND, AIM_ALONE = 0.97, 8  # of the upper bound; times ImageFolder
OURS, AUGMENTED, BOUND = "ours", "ours, augmented", "tensors that lie ready"
RESIDENT = "ours, in GPU memory"
TORCHVISION, HUGGING_FACE = "torchvision ImageFolder", "Hugging Face datasets"

Batch = tuple[torch.Tensor, torch.Tensor]  # uint8 [n, 200, 200, 3] and int64 [n]
Loader = Callable[[], Iterable[Batch]]  # one epoch

DEVICE = device("auto")
ON_GPU = DEVICE.type == "cuda"
BF16 = ON_GPU or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def ours(dataset_dir: Path, cache_dir: str, batch_size: int) -> dict[str, Loader]:
    """Our batches, as they are and varied on the device that trains; on a GPU from its own memory too."""
    data = ImageData(dataset_dir, SyntheticData(batch_size=batch_size, cache_dir=cache_dir), 0, varied=False)

    def plain() -> Iterator[Batch]:
        for batch in data.train_dataloader():
            yield batch.pixels, batch.labels

    def augmented() -> Iterator[Batch]:
        for batch in data.train_dataloader():
            draws = draw_numbers(0, 0, batch.rows.numpy()).to(DEVICE)
            yield augment(batch.pixels.to(DEVICE), draws), batch.labels

    loaders: dict[str, Loader] = {OURS: plain, AUGMENTED: augmented}
    if ON_GPU:
        pixels = torch.from_numpy(np.array(data.train_split.pixels)).to(DEVICE)
        labels = torch.from_numpy(data.train_split.labels).to(DEVICE)
        loaders[RESIDENT] = lambda: (
            (pixels[rows], labels[rows]) for rows in torch.randperm(len(labels), device=DEVICE).split(batch_size)
        )
    return loaders


def image_folder(root: Path, batch_size: int, workers: int) -> Loader:
    """Files decoded anew each epoch, by worker processes that stay alive."""
    images = torchvision.datasets.ImageFolder(str(root), torchvision.transforms.PILToTensor())
    loader = _loader(images, batch_size, workers)
    return lambda: ((pixels.permute(0, 2, 3, 1), labels) for pixels, labels in loader)


def hugging_face(dataset_dir: Path, cache_dir: str, batch_size: int, workers: int) -> Loader:
    """The same Parquet files; its Image feature decodes them."""
    files = [str(path) for path in shards(dataset_dir, "train")]
    table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache_dir)
    loader = _loader(table.select_columns(["image", "label"]).with_format("torch"), batch_size, workers)
    return lambda: ((rows["image"].permute(0, 2, 3, 1), rows["label"]) for rows in loader)


def others(dataset_dir: Path, folder: Path, batch_size: int, workers: Sequence[int]) -> dict[str, Loader]:
    """Torchvision's and Hugging Face's, with each number of workers."""
    write_folder(dataset_dir, folder / "files")
    loaders = {}
    for count in workers:
        loaders[f"{TORCHVISION}, {count} workers"] = image_folder(folder / "files", batch_size, count)
        arrow = hugging_face(dataset_dir, str(folder / "arrow"), batch_size, count)
        loaders[f"{HUGGING_FACE}, {count} workers"] = arrow
    return loaders


def _loader(images: object, batch_size: int, workers: int) -> DataLoader:
    return DataLoader(
        images,
        batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=ON_GPU,
    )


def ready(count: int, batch_size: int) -> Loader:
    """The upper bound: batches that were made beforehand, in the memory of what trains."""
    generator = torch.Generator().manual_seed(0)
    batches = [
        (
            torch.randint(0, 256, (n, *[contract.IMAGE_PX] * 2, 3), dtype=torch.uint8, generator=generator).to(DEVICE),
            torch.randint(0, len(contract.CLASSES), (n,), generator=generator).to(DEVICE),
        )
        for n in [len(rows) for rows in torch.arange(count).split(batch_size)]
    ]
    return lambda: batches


class Training:
    """ResNet-18, from scratch, one step a batch."""

    def __init__(self, compiled: bool) -> None:
        torch.manual_seed(0)
        network = build(ResNetModel()).to(DEVICE, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(network.parameters())
        self.normalise = Normalise().to(DEVICE)
        self.network = torch.compile(network) if compiled else network

    def epoch(self, batches: Iterable[Batch]) -> int:
        """Learn from every batch; how many images there were."""
        count = 0
        for pixels, labels in batches:
            pixels, labels = pixels.to(DEVICE, non_blocking=True), labels.to(DEVICE, non_blocking=True)
            with torch.autocast(DEVICE.type, torch.bfloat16, enabled=BF16):
                loss = torch.nn.functional.cross_entropy(self.network(self.normalise(pixels)), labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            count += len(labels)
        if ON_GPU:
            torch.cuda.synchronize()
        return count


def alone(batches: Iterable[Batch]) -> int:
    """Take every batch and do nothing with it; how many images there were."""
    return sum(len(labels) for _, labels in batches)


def race(loaders: dict[str, Loader], consume: Callable[[Iterable[Batch]], int], rounds: int, at_least_s: float) -> dict:
    """Images a second of each loader: the best of the rounds, in turns, after an epoch that does not count."""
    best = dict.fromkeys(loaders, 0.0)
    for loader in loaders.values():
        consume(loader())
    for _ in range(rounds):
        for name, loader in loaders.items():
            start, count = time.perf_counter(), 0
            while count == 0 or time.perf_counter() - start < at_least_s:
                count += consume(loader())
            best[name] = max(best[name], count / (time.perf_counter() - start))
    return best


def machine() -> dict[str, object]:
    """What the figures hang on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if ON_GPU else None,
        "bf16": BF16,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "datasets": datasets.__version__,
        "load_at_start": os.getloadavg()[0],
    }


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


def write_folder(dataset_dir: Path, root: Path) -> None:
    """The training images as files, a folder a class, as ImageFolder wants them."""
    for number, row in enumerate(read_split(dataset_dir, "train", ["image", "label"]).to_pylist()):
        name = contract.CLASSES[row["label"]]
        path = root / name / f"{name}{number}{Path(row['image']['path']).suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row["image"]["bytes"])


def repeated(dataset_dir: Path, folder: Path) -> Path:
    """A data set that holds the same images again and again, until no cache of a processor holds their pixels."""
    folder.mkdir()
    for split in contract.SPLITS:
        table = read_split(dataset_dir, split)
        times = -(-ALONE_IMAGES // len(table)) if split == "train" else 1
        pyarrow.parquet.write_table(pa.concat_tables([table] * times), folder / f"{split}-00000-of-00001.parquet")
    info = read_info(dataset_dir)
    write_info(folder, info.model_copy(update={"digest": hashlib.sha256(info.digest.encode()).hexdigest()}))
    return folder


def fastest_of(rates: dict[str, float], name: str) -> list[str]:
    """The loaders whose names begin so, the fastest first."""
    return sorted((loader for loader in rates if loader.startswith(name)), key=lambda loader: -rates[loader])


def show(title: str, rates: dict[str, float], against: str) -> None:
    """Print a table, the fastest first."""
    print(f"\n{title}")
    for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
        print(f"  {name:38} {rate:10,.0f} images/s  {rate / rates[against]:7.3f}")


def main() -> None:
    """Run the races, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, help="a data set that pull wrote; without it one is made")
    parser.add_argument("--signers", type=int, default=10, help="synthetic signers to learn from, 29 images each")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds; the best counts")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--json", type=Path, default=Path("input_pipeline.json"), help="file to write")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        dataset_dir = options.dataset or folder / "dataset"
        if options.dataset is None:
            source = SyntheticData(train_signers=options.signers, validation_signers=1, test_signers=1)
            print(pull(Settings(data=source), dataset_dir).summary)
        result = compare(dataset_dir, folder, options)
    options.json.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {options.json}")


def compare(dataset_dir: Path, folder: Path, options: argparse.Namespace) -> dict[str, object]:
    """Race all loaders, alone and while ResNet-18 learns."""
    described = machine()
    print(", ".join(f"{name} {value}" for name, value in described.items()))
    size, cores = options.batch_size, os.cpu_count() or 1
    workers = sorted({0, cores, *(2**power for power in range(cores.bit_length()))})

    many = repeated(dataset_dir, folder / "repeated")
    plain = ours(many, str(folder / "decoded"), size)[OURS]
    by_loader = race({OURS: plain} | others(many, folder / "alone", size, workers), alone, options.rounds, at_least_s=1)
    torchvision_best = fastest_of(by_loader, TORCHVISION)[0]
    show("The loader alone; times torchvision's best", by_loader, torchvision_best)

    count = len(read_split(dataset_dir, "train", ["label"]))
    training = Training(options.compile)
    own = ours(dataset_dir, str(folder / "decoded"), size)
    theirs = others(dataset_dir, folder / "training", size, workers)
    fit = {loader: theirs[loader] for name in (TORCHVISION, HUGGING_FACE) for loader in fastest_of(by_loader, name)[:2]}
    by_training = race(own | {BOUND: ready(count, size)} | fit, training.epoch, options.rounds, at_least_s=0)
    show("ResNet-18 learning; share of the upper bound", by_training, BOUND)

    fastest = by_training[RESIDENT if ON_GPU else OURS]
    result = {
        "machine": described,
        "images": count,
        "batch_size": size,
        "loader_images_per_s": by_loader,
        "training_images_per_s": by_training,
        "times_torchvision": by_loader[OURS] / by_loader[torchvision_best],
        "share_of_upper_bound": by_training[OURS] / by_training[BOUND],
        "best_settings": {
            "loader": [fastest_of(by_loader, name)[0] for name in (TORCHVISION, HUGGING_FACE)],
            "training": [fastest_of(by_training, name)[0] for name in (TORCHVISION, HUGGING_FACE)],
        },
        "epoch_of_87000_s": PUBLIC_SET / fastest,
    }
    print(f"\nloader alone: {result['times_torchvision']:.1f} times {torchvision_best} (aim: {AIM_ALONE})")
    print(f"learning: {result['share_of_upper_bound']:.3f} of the upper bound (aim: {AIM_OF_BOUND})")
    where = described["gpu"] or "no GPU here, on the CPU"
    print(f"{where}: {fastest:,.0f} images/s, an epoch of {PUBLIC_SET:,} in {result['epoch_of_87000_s']:,.1f} s")
    return result


if __name__ == "__main__":
    main()
