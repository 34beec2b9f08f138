"""The end of the verb demo: a real Triton on the serving release reads hands that training never saw."""

from contextlib import closing
from pathlib import Path

import numpy as np

from asl_pkg import contract
from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.bundle.store import serving_bundle
from asl_pkg.data.dataset import read_split
from asl_pkg.data.preparation import prepare
from asl_pkg.errors import ServingError
from asl_pkg.inference.v2_client import Client
from asl_pkg.serving.triton.local import LocalTriton

IMAGES = 8


def query_serving_release(store: Path, dataset_dir: Path, seed: int) -> str:
    """Start Triton on the serving release and send it test images over HTTP and gRPC.

    Args:
        store: The model store.
        dataset_dir: Data set whose test images are sent.
        seed: Seed of the choice of images.

    Returns:
        A table: signer, truth, and letter and confidence over each protocol.

    Raises:
        ServingError: The two protocols disagree.
    """
    folder = serving_bundle(store)
    if folder is None:
        raise ServingError(f"nothing serves from {store} yet: `asl deploy` makes a release serve")
    test = read_split(dataset_dir, "test", ["image", "label", "signer"])
    chosen = np.sort(np.random.default_rng(seed).choice(len(test), min(IMAGES, len(test)), replace=False))
    rows = test.take(chosen).to_pylist()
    pixels = np.stack([prepare(row["image"]["bytes"]) for row in rows])  # [n, 200, 200, 3]
    with (
        LocalTriton(open_bundle(folder)) as server,
        closing(Client(server.http_url)) as http,
        closing(Client(server.grpc_url)) as grpc,
    ):
        by_http, by_grpc, release = http.predict(pixels), grpc.predict(pixels), grpc.release
    if not np.allclose(by_http, by_grpc, atol=1e-5):
        raise ServingError(
            "HTTP and gRPC gave different probabilities for the same images: check the bundle with `asl verify`"
        )
    lines = [f"Triton, ready in {server.ready_s:.1f} s, answers with release {release}"]
    lines += [f"  {'signer':>12} {'truth':>8} {'HTTP':>14} {'gRPC':>14}"]
    for row, *answers in zip(rows, by_http, by_grpc, strict=True):
        truth = contract.CLASSES[row["label"]]
        lines.append(f"  {row['signer']:>12} {truth:>8} {_letter(answers[0]):>14} {_letter(answers[1]):>14}")
    return "\n".join(lines)


def next_steps(results: dict[str, Path], mlflow_store: str) -> str:
    """The lines that end the demo.

    Args:
        results: Result folder of each step.
        mlflow_store: Location of MLflow's runs.

    Returns:
        Bundle, report, plots, MLflow's store, the page's address, and the commands that come next.
    """
    return "\n".join(
        [
            f"bundle  {results['export']}",
            f"report  {results['validate'] / contract.REPORT_PAGE}",
            f"plots   {results['train'] / contract.PLOTS_FOLDER}",
            f"MLflow  {mlflow_store}",
            f"page    .venv/bin/asl serve {results['export']}   then open http://127.0.0.1:{contract.PAGE_PORT}/",
            "next    .venv/bin/asl infer IMAGE.jpg   .venv/bin/asl mlflow   make help",
        ]
    )


def _letter(probabilities: np.ndarray) -> str:
    """The likeliest class and its probability."""
    return f"{contract.CLASSES[int(probabilities.argmax())]} {probabilities.max():.2f}"
