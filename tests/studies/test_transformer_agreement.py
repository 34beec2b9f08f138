"""The transformer gives the same answers as `asl infer` on a test split, in every file format."""

from pathlib import Path

from asl_pkg.bundle.bundle import open_bundle
from asl_pkg.serving.triton.local import LocalTriton
from studies.transformer_agreement import run
from tests.support.exported import CLASSES, SIGNERS, Exported
from tests.support.transformers import address, transformer


def test_every_image_of_the_test_split_gets_the_letter_that_asl_infer_gives(exported: Exported, tmp_path: Path) -> None:
    with (
        LocalTriton(open_bundle(exported.bundle), http_port=18800, grpc_port=18801, metrics_port=18802) as server,
        transformer(tmp_path, 18810, address(server)) as running,
    ):
        outcome = run(running.http_url, exported.bundle, exported.dataset)
    assert outcome == dict.fromkeys(outcome, (SIGNERS * CLASSES, SIGNERS * CLASSES))
