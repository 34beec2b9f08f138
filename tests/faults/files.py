"""Defects of the files around the graph, of the digests, and of the report."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.storage.atomic import sha256
from tests.faults.case import Case, Good, Planter
from tests.faults.protobufs import sealed

Body = dict[str, Any]


def unsealed(change: Callable[[Path], object]) -> Planter:
    """Change files of a bundle that was sealed already."""

    def planter(good: Good, folder: Path) -> Case:
        bundle = Path(shutil.copytree(good.bundle, folder / "bundle"))
        change(bundle)
        return Case(good.settings, good.checkpoint, bundle, good.dataset, good.report)

    return planter


def validated(change: Callable[[Path, Path], object]) -> Planter:
    """Change a bundle and its report after the validation."""

    def planter(good: Good, folder: Path) -> Case:
        bundle = Path(shutil.copytree(good.bundle, folder / "bundle"))
        report = Path(shutil.copytree(good.report, folder / "report"))
        change(bundle, report)
        return Case(good.settings, good.checkpoint, bundle, good.dataset, report)

    return planter


def edit(path: Path, change: Callable[[Body], object]) -> None:
    """Change a JSON file."""
    body = json.loads(path.read_text())
    change(body)
    path.write_text(json.dumps(body))


def labels_out_of_order(bundle: Path) -> None:
    lines = (bundle / contract.LABELS_FILE).read_text().splitlines()
    (bundle / contract.LABELS_FILE).write_text("\n".join(lines[::-1]) + "\n")


def python_file(bundle: Path) -> None:
    (bundle / contract.MODEL_FILE).with_name("model.py").write_text("import os\n")


def shared_library(bundle: Path) -> None:
    (bundle / contract.CONFIG_FILE).with_name("libtriton_asl.so").write_bytes(b"\x7fELF")


def second_version(bundle: Path) -> None:
    version = (bundle / contract.MODEL_FILE).parent
    shutil.copytree(version, version.with_name("2"))


def config(old: str, new: str) -> Planter:
    """Replace a part of config.pbtxt."""

    def change(bundle: Path) -> None:
        text = (bundle / contract.CONFIG_FILE).read_text()
        if old not in text:
            raise ValueError(f"config.pbtxt does not say {old}")
        (bundle / contract.CONFIG_FILE).write_text(text.replace(old, new))

    return sealed(change)


def manifest(change: Callable[[Body], object]) -> Planter:
    """Change bundle.json, whose own digest only the report knows."""
    return unsealed(lambda bundle: edit(bundle / contract.BUNDLE_FILE, change))


def byte_changed(bundle: Path) -> None:
    content = bytearray((bundle / contract.MODEL_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / contract.MODEL_FILE).write_bytes(content)


def link(bundle: Path) -> None:
    labels = bundle / contract.LABELS_FILE
    labels.rename(bundle.parent / "elsewhere.txt")
    labels.symlink_to(bundle.parent / "elsewhere.txt")


def path_that_leaves(bundle: Path) -> None:
    outside = bundle.parent / "outside"
    outside.write_text("outside")
    listed = {"path": "../outside", "size": outside.stat().st_size, "sha256": sha256(outside)}
    edit(bundle / contract.BUNDLE_FILE, lambda body: body["files"].append(listed))


def another_graph(bundle: Path) -> None:
    path = bundle / contract.MODEL_FILE
    path.write_bytes(path.read_bytes() + b"\0")
    fits = {"path": contract.MODEL_FILE, "size": path.stat().st_size, "sha256": sha256(path)}

    def change(body: Body) -> None:
        body["files"] = [fits if file["path"] == contract.MODEL_FILE else file for file in body["files"]]

    edit(bundle / contract.BUNDLE_FILE, change)


def never_unsure(bundle: Path, report: Path) -> None:
    edit(bundle / contract.BUNDLE_FILE, lambda body: body.update(confidence_threshold=0.0))


def exported_again(bundle: Path, report: Path) -> None:
    edit(bundle / contract.BUNDLE_FILE, lambda body: body["provenance"].update(exported_at="later"))


def talked_up(bundle: Path, report: Path) -> None:
    edit(report / contract.REPORT_FILE, lambda body: _gate(body, "recall").update(measured=0.0))


def better_numbers(bundle: Path, report: Path) -> None:
    edit(report / contract.REPORT_FILE, lambda body: _gate(body, "latency").update(measured=0.001))


def golden_answer(bundle: Path, report: Path) -> None:
    edit(_golden(report), lambda body: body["images"][0]["probabilities"].reverse())


def golden_shortened(bundle: Path, report: Path) -> None:
    edit(_golden(report), lambda body: body["images"].pop())
    edit(report / contract.REPORT_FILE, lambda body: body.update(golden_digest=sha256(_golden(report))))


def sealed_again(bundle: Path, report: Path) -> None:
    never_unsure(bundle, report)
    digest = sha256(bundle / contract.BUNDLE_FILE)
    edit(report / contract.REPORT_FILE, lambda body: body.update(bundle_digest=digest))


def _gate(body: Body, name: str) -> Body:
    found: Body = next(gate for gate in body["gates"] if gate["name"] == name)
    return found


def _golden(report: Path) -> Path:
    return report / contract.GOLDEN_FOLDER / contract.GOLDEN_FILE


PLANTERS: dict[str, Planter] = {
    "labels out of order": sealed(labels_out_of_order),
    "Python file smuggled in": sealed(python_file),
    "shared library smuggled in": sealed(shared_library),
    "a second version smuggled in": sealed(second_version),
    "another backend": config('backend: "onnxruntime"', 'backend: "python"'),
    "no batches": config(f"max_batch_size: {contract.MAX_BATCH}", "max_batch_size: 0"),
    "broken config": config("name:", "name: ["),
    "another image preparation": manifest(
        lambda body: body.update(preparation_version=contract.PREPARATION_VERSION + 1)
    ),
    "a config that Triton refuses": config('string_value: "1"', 'string_value: "many"'),
    "a byte changed": unsealed(byte_changed),
    "a file missing": unsealed(lambda bundle: (bundle / contract.LABELS_FILE).unlink()),
    "a file added": unsealed(lambda bundle: (bundle / contract.DRIFT_FILE).with_name("more.txt").write_text("more")),
    "a link": unsealed(link),
    "a path that leaves the bundle": unsealed(path_that_leaves),
    "another graph, digest recomputed": unsealed(another_graph),
    "bundle.json altered": validated(never_unsure),
    "report of another bundle": validated(exported_again),
    "a verdict changed to passed": validated(talked_up),
    "golden set altered": validated(golden_answer),
    "report edited, digests recomputed": validated(better_numbers),
    "golden set edited, digests recomputed": validated(golden_shortened),
    "bundle edited, digests recomputed": validated(sealed_again),
}
