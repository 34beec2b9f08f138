"""A model that knows some of the classes: the others have probability 0, and every applicable gate runs."""

import json
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest
import torch

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from asl_pkg.class_sets import KNOWN_CLASSES_KEY, describe_classes, known_classes
from asl_pkg.data.dataset import read_info, write_info
from asl_pkg.errors import BundleError
from asl_pkg.export import export, graph_metadata
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.models import load_checkpoint
from asl_pkg.models.calibration import fit_temperature
from asl_pkg.models.classifier import Classifier
from asl_pkg.models.export_module import ExportModule, HalfExportModule
from asl_pkg.models.onnx_export import to_onnx
from asl_pkg.models.quantization import to_int8
from asl_pkg.validate import validate
from asl_pkg.validation.champion import champion_finding, compare_with_champion
from asl_pkg.validation.context import open_context
from asl_pkg.validation.gate_specs import required_gates
from asl_pkg.validation.model_contract import contract_faults
from asl_pkg.validation.parity import measure_parity
from asl_pkg.validation.report import read_report
from asl_pkg.validation.report_body import ReportBody
from tests.support.exported import Exported, classifier, image, png, save, settings, write_dataset

KNOWN = ["A", "C", "Z", "space"]
ROWS = [contract.CLASSES.index(name) for name in KNOWN]
OTHERS = [label for label in range(len(contract.CLASSES)) if label not in ROWS]


def of(known: list[str] | None) -> Classifier:
    made = classifier()
    said = dict(made.hparams) | ({KNOWN_CLASSES_KEY: known} if known else {})
    again = Classifier(said).eval()
    again.load_state_dict(made.state_dict())
    return again


@pytest.fixture(scope="module")
def some() -> Classifier:
    return of(KNOWN)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.stack([image(label, 3) for label in range(len(contract.CLASSES))])


def answers(graph: onnx.ModelProto, folder: Path, pixels: np.ndarray) -> np.ndarray:
    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return predict(open_session(path), pixels)


def test_the_graph_gives_unknown_classes_no_probability_and_agrees_with_torch(
    some: Classifier, pixels: np.ndarray, tmp_path: Path
) -> None:
    served = ExportModule(some).eval()
    with torch.inference_mode():
        by_torch = served(torch.from_numpy(pixels)).numpy()
    by_onnx = answers(to_onnx(served, {}), tmp_path, pixels)
    for found in (by_torch, by_onnx):
        assert not found[:, OTHERS].any()
        assert np.allclose(found.sum(axis=1), 1, atol=1e-5)
    assert measure_parity(by_torch, by_onnx, rounding=0.0).greatest < 1e-4
    assert (by_onnx[ROWS].argmax(axis=1) == ROWS).all()


def test_variants_give_unknown_classes_no_probability(some: Classifier, pixels: np.ndarray, tmp_path: Path) -> None:
    served = ExportModule(some).eval()
    for graph in (to_onnx(HalfExportModule(served).eval(), {}), to_int8(to_onnx(served, {}), pixels)):
        found = answers(graph, tmp_path, pixels)
        assert np.isfinite(found).all()
        assert not found[:, OTHERS].any()


def test_a_model_that_knows_all_classes_is_the_graph_that_it_was() -> None:
    whole, said = of(None), of(list(contract.CLASSES))
    first, second = (
        to_onnx(ExportModule(made).eval(), graph_metadata(made.hparams, settings().export)) for made in (whole, said)
    )
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    assert contract.METADATA_KNOWN not in {prop.key for prop in first.metadata_props}
    masked = to_onnx(ExportModule(of(KNOWN)).eval(), {})
    assert len(masked.graph.node) == len(first.graph.node) + 1


def test_loss_and_accuracy_of_training_are_of_the_known_classes(some: Classifier) -> None:
    logits = torch.zeros(4, len(contract.CLASSES))
    logits[:, 1] = 50.0  # of a class that it does not know
    labels = torch.tensor(ROWS)
    narrowed, columns = some.mask.narrowed(logits, labels)
    loss = torch.nn.functional.cross_entropy(narrowed, columns, label_smoothing=0.1)
    assert float(loss) == pytest.approx(np.log(len(KNOWN)))


def test_the_temperature_is_fitted_on_the_known_classes(some: Classifier) -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.tensor(ROWS).repeat(50)
    logits = 3 * torch.randn(200, len(contract.CLASSES), generator=generator)
    logits[torch.arange(200), labels] += 2
    expected = fit_temperature(*some.mask.narrowed(logits, labels))
    assert fit_temperature(some.mask(logits), labels) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("known", [["A"], ["B", "A"], ["A", "?"], ["A", "A"], []])
def test_a_checkpoint_that_knows_no_classes_in_order_is_refused(tmp_path: Path, known: list[str]) -> None:
    path = save(of(KNOWN), tmp_path)
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["hyper_parameters"][KNOWN_CLASSES_KEY] = known
    torch.save(checkpoint, path)
    with pytest.raises(BundleError, match=KNOWN_CLASSES_KEY):
        load_checkpoint(path)


def test_what_says_nothing_of_its_classes_knows_all() -> None:
    assert known_classes({}) == list(contract.CLASSES)
    assert describe_classes(known_classes({})) == ""
    assert describe_classes(KNOWN) == "4 of 29 classes: A, C, Z, space"
    assert describe_classes(contract.CLASSES[:26]) == "26 of 29 classes: no del, nothing, space"


@pytest.mark.parametrize(("known", "asks"), [(KNOWN, False), ([*KNOWN[:3], "nothing"], True), (None, True)])
def test_empty_scenes_and_noise_are_asked_where_nothing_is_known(
    exported: Exported, known: list[str] | None, asks: bool
) -> None:
    bundle = open_bundle(exported.bundle).manifest.model_copy(update={KNOWN_CLASSES_KEY: known}) if known else None
    names = required_gates(bundle, unseen_signers=True, external=False)
    assert {"empty_scenes" in names, "noise" in names} == {asks}


@pytest.fixture(scope="module")
def partial(some: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle and the data set of a model that knows some classes."""
    folder = tmp_path_factory.mktemp("partial")
    checkpoint = save(some, folder / "training")
    export(settings(), checkpoint, folder / "bundle")
    write_dataset(folder / "dataset")
    for split in ("train", "test"):
        path = folder / "dataset" / f"{split}-00000-of-00001.parquet"
        table = pq.read_table(path)
        pq.write_table(table.filter(pa.compute.is_in(table["label"], pa.array(ROWS))), path)
    write_info(folder / "dataset", read_info(folder / "dataset").model_copy(update={"known_classes": KNOWN}))
    return folder


def judged(folder: Path, target: Path, **options: str) -> ReportBody:
    """The report on the bundle in a folder."""
    chosen = settings()
    chosen.data.external = options.get("external", "")
    chosen.store = options.get("store", chosen.store)
    checkpoint = folder / "training" / contract.BEST_CHECKPOINT
    validate(chosen, folder / "bundle", folder / "dataset", checkpoint, target)
    return read_report(target).body


def test_a_bundle_says_which_classes_it_knows_and_its_report_too(partial: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    for name in ("A", "B", "B", "C"):
        file = others / name / f"{len(list(others.rglob('*.png')))}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(image(contract.CLASSES.index(name), 40)))
    body = judged(partial, tmp_path / "report", external=str(others))
    bundle = open_bundle(partial / "bundle")
    assert bundle.known_classes == KNOWN
    facts = {prop.key: prop.value for prop in onnx.load(bundle.model_path).metadata_props}
    assert json.loads(facts[contract.METADATA_KNOWN]) == KNOWN
    failed = {gate.name for gate in body.gates if not gate.passed}
    assert not failed & {"contract", "finite", "parity", "independence", "accuracy", "recall", "macro_f1", "champion"}
    assert body.external is not None
    assert body.external.unknown == {"B": 2}
    assert (body.external.images, body.external.accuracy.value) == (2, 1.0)
    assert describe_classes(KNOWN) in body.headline
    for name in (contract.REPORT_PAGE, contract.MODEL_CARD):
        text = (tmp_path / "report" / name).read_text()
        assert describe_classes(KNOWN) in text
        assert "nothing" in text


def test_a_release_of_other_classes_is_compared_on_those_that_both_know(partial: Path) -> None:
    bundle = open_bundle(partial / "bundle")
    chosen = settings()
    chosen.validate.resamples = 100
    checkpoint, dataset = partial / "training" / contract.BEST_CHECKPOINT, partial / "dataset"
    context = open_context(chosen, bundle, checkpoint, dataset, read_info(dataset))
    other = Bundle(bundle.folder, bundle.manifest.model_copy(update={KNOWN_CLASSES_KEY: ["A", "B", "space"]}))
    found = compare_with_champion(other, context)
    assert found.loss is not None
    assert found.loss.value == 0
    assert "2 classes that both know" in found.classes
    assert "no longer knows: B" in champion_finding(found, "signer").detail
    strange = Bundle(bundle.folder, bundle.manifest.model_copy(update={KNOWN_CLASSES_KEY: ["B", "D"]}))
    nothing = champion_finding(compare_with_champion(strange, context), "signer")
    assert (nothing.measured, "nothing to compare" in nothing.detail) == (0, True)


def test_a_bundle_that_says_other_classes_than_its_graph_breaks_the_contract(partial: Path) -> None:
    bundle = open_bundle(partial / "bundle")
    assert contract_faults(bundle) == []
    for known in (["A", "C", "Z"], list(contract.CLASSES), ["Z", "A"]):
        assert contract_faults(Bundle(bundle.folder, bundle.manifest.model_copy(update={KNOWN_CLASSES_KEY: known})))
