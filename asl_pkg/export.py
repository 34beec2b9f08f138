"""The verb export: checkpoint -> ONNX graph -> bundle."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from asl_pkg import contract
from asl_pkg.bundle import signature
from asl_pkg.bundle.bundle import Bundle, open_bundle, seal
from asl_pkg.bundle.manifest import ModelFacts, Provenance, TrainingFacts
from asl_pkg.bundle.triton_config import config_pbtxt, labels
from asl_pkg.class_sets import known_classes
from asl_pkg.config.schema import ExportSettings, Settings
from asl_pkg.errors import BundleError, SettingError
from asl_pkg.inference.onnx_session import open_session
from asl_pkg.lineage import git_commit
from asl_pkg.models import load_checkpoint
from asl_pkg.models.checkpoint import MAKES_ONE
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.export_module import ExportModule, HalfExportModule, HandExportModule
from asl_pkg.models.onnx_export import to_onnx
from asl_pkg.models.quantization import calibration_images, to_int8
from asl_pkg.storage import atomic, outputs
from asl_pkg.validation.answers import answer_by_onnx, answer_by_torch
from asl_pkg.validation.parity import measure_parity, rounding_error

TRIAL_IMAGES = 8
TRIAL_PATCHES = 8  # a trial image is a chequerboard of so many random patches a side


def export(settings: Settings, checkpoint_path: Path, bundle_dir: Path, onnx_path: Path | None = None) -> Bundle:
    """Write a checkpoint as the bundle that is validated and served.

    Args:
        settings: `export` has precision and config.pbtxt; `seed` and `validate.parity_max` are for testing the graph
            before it is written; `dataset_dir` has the images that int8 is
            calibrated on.
        checkpoint_path: Checkpoint that `asl train` wrote; statistics of the same training become the drift reference.
        bundle_dir: The bundle; an existing one is replaced when the new one is complete.
        onnx_path: Gets a copy of the graph alone.

    Returns:
        The sealed bundle, signed where a private key is configured.

    Raises:
        BundleError: The checkpoint is missing or damaged, or ONNX Runtime answers differently from torch.
        DataError: int8 was requested, and the training's data set is not there.
        SettingError: Something that no export wrote is in the way.
    """
    folder = outputs.claim(bundle_dir, outputs.BUNDLE)
    if onnx_path:
        _claim_graph(onnx_path, folder)
    classifier = load_checkpoint(checkpoint_path)
    served = ExportModule(classifier).eval()
    digest = classifier.hparams["dataset_digest"]
    said = graph_metadata(classifier.hparams, settings.export)
    graph = _graph(served, said)
    facts = _facts(classifier, settings.export, checkpoint_path)
    with outputs.replaced(bundle_dir, outputs.BUNDLE) as beside:
        _write_repository(beside, graph, config_pbtxt(settings.export, facts.contract_version))
        _try(served, beside / contract.MODEL_FILE, settings)  # in fp32; a variant of it is judged by `asl validate`
        if settings.export.precision == contract.FP16:
            _write_graph(beside, _graph(HalfExportModule(served), said))
        if settings.export.precision == contract.INT8:
            pixels = calibration_images(Path(settings.dataset_dir), digest, settings.seed)
            _write_graph(beside, to_int8(graph, pixels))
        _write_extras(beside, checkpoint_path.parent.parent)
        seal(beside, facts)
        signature.sign(beside, beside / contract.SIGNATURE_FILE)
    bundle = open_bundle(bundle_dir)
    if onnx_path:
        atomic.copy_into_place(bundle.model_path, onnx_path)
    return bundle


def graph_metadata(hparams: Mapping[str, Any], settings: ExportSettings) -> dict[str, str]:
    """Facts in the graph, for users who have only the ONNX file.

    Args:
        hparams: The checkpoint's hyper-parameters.
        settings: The confidence threshold and the precision.

    Returns:
        The graph's metadata_props.
    """
    known = known_classes(hparams)
    some = {contract.METADATA_KNOWN: json.dumps(known)} if known != list(contract.CLASSES) else {}
    return some | {
        contract.METADATA_CLASSES: json.dumps(contract.CLASSES),
        contract.METADATA_THRESHOLD: str(settings.confidence_threshold),
        contract.METADATA_DATASET: str(hparams["dataset_digest"]),
        contract.METADATA_CONTRACT: str(hparams["contract_version"]),
        contract.METADATA_PREPARATION: str(contract.PREPARATION_VERSION),
        contract.METADATA_PRECISION: settings.precision,
    }


def _graph(served: ExportModule, said: dict[str, str]) -> onnx.ModelProto:
    """Trace a served module, with the outputs of its contract version."""
    version = int(said[contract.METADATA_CONTRACT])
    whole = HandExportModule(served) if version == contract.HAND_CONTRACT_VERSION else served
    return to_onnx(whole.eval(), said, list(contract.OUTPUTS[version]))


def _try(served: torch.nn.Module, graph: Path, settings: Settings) -> None:
    """Refuse a graph that gives other answers than torch to a few made-up images."""
    patches = np.random.default_rng(settings.seed).integers(
        0, 256, (TRIAL_IMAGES, TRIAL_PATCHES, TRIAL_PATCHES, 3), np.uint8
    )
    patch_px = contract.IMAGE_PX // TRIAL_PATCHES
    pixels = patches.repeat(patch_px, axis=1).repeat(patch_px, axis=2)
    by_torch = answer_by_torch(served, pixels)
    rounding = rounding_error(served, pixels, by_torch)
    parity = measure_parity(by_torch, answer_by_onnx(open_session(graph), pixels), rounding)
    if parity.beyond_rounding > settings.validate.parity_max or parity.other_class:
        raise BundleError(
            f"the exported graph and the checkpoint give different answers: log-probabilities differ by "
            f"{parity.beyond_rounding:.2g} beyond rounding, expected at most {settings.validate.parity_max:.2g}; "
            "`make install` installs matching versions of torch and onnxruntime"
        )


def _write_repository(folder: Path, graph: onnx.ModelProto, config: str) -> None:
    (folder / contract.MODEL_FILE).parent.mkdir(parents=True)
    _write_graph(folder, graph)
    atomic.write_text(folder / contract.CONFIG_FILE, config)
    atomic.write_text(folder / contract.LABELS_FILE, labels())


def _write_graph(folder: Path, graph: onnx.ModelProto) -> None:
    (folder / contract.MODEL_FILE).write_bytes(graph.SerializeToString(deterministic=True))


def _write_extras(folder: Path, training: Path) -> None:
    """Write drift reference and bill of materials; a checkpoint that was moved from its training has neither."""
    for source, target in ((contract.STATISTICS_FILE, contract.DRIFT_FILE), (contract.SBOM_FILE, contract.BUNDLE_SBOM)):
        if (training / source).is_file():
            (folder / target).parent.mkdir(exist_ok=True)
            shutil.copyfile(training / source, folder / target)


def _facts(classifier: Classifier, settings: ExportSettings, checkpoint_path: Path) -> ModelFacts:
    hparams = classifier.hparams
    try:
        return ModelFacts(
            contract_version=hparams["contract_version"],
            dataset_digest=hparams["dataset_digest"],
            known_classes=known_classes(hparams),
            precision=settings.precision,
            confidence_threshold=settings.confidence_threshold,
            temperature=classifier.temperature,
            provenance=Provenance(
                exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
                export={"commit": git_commit.commit(), "torch": str(torch.__version__), **dataclasses.asdict(settings)},
                training=TrainingFacts(**{name: hparams[name] for name in TrainingFacts.model_fields}),
            ),
        )
    except (KeyError, ValueError) as error:
        raise BundleError(f"{checkpoint_path} does not say how it was trained: {MAKES_ONE}") from error


def _claim_graph(onnx_path: Path, bundle_dir: Path) -> None:
    """Refuse to replace an ONNX file that export did not write; its own has our metadata."""

    def ours(path: Path) -> bool:
        try:
            said = {prop.key for prop in onnx.load(path, load_external_data=False).metadata_props}
        except Exception:  # protobuf and onnx have many, with no ancestor in common
            return False
        return {contract.METADATA_CONTRACT, contract.METADATA_CLASSES} <= said

    if onnx_path.resolve() == bundle_dir:
        raise SettingError(f"bundle_dir={bundle_dir}: that name is used for the graph alone; choose another folder")
    outputs.claim_file(onnx_path, "bundle_dir=FOLDER", ours)
