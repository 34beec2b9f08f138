"""Bundles are untrusted: any fault gives a one-line error, and nothing outside the bundle is touched."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle, seal
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.errors import BundleError
from asl_pkg.inference.choice import choose_bundle
from asl_pkg.inference.onnx_session import open_session
from tests.faults.case import plant
from tests.support.tiny import make_bundle, tiny_model

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner), max_leaves=9
)
NEWER = {"known_classes", "precision", "export"}  # a bundle without them is an older one
DAMAGED = settings(deadline=None, max_examples=100)


@pytest.fixture(scope="module")
def mutable(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle whose bundle.json a test may write over and over."""
    return make_bundle(tmp_path_factory.mktemp("mutable") / "bundle")


def refused(bundle: Bundle, text: bytes) -> str:
    """The one line that says what is wrong with a bundle.json."""
    path = bundle.folder / contract.BUNDLE_FILE
    path.write_bytes(text)
    with pytest.raises(BundleError) as refusal:
        open_bundle(bundle.folder)
    line = str(refusal.value)
    assert line.isprintable(), line
    assert len(line) < 1000
    return line


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    inner = [place for key in keys if isinstance(value[key], dict | list) for place in places(value[key])]
    return [(value, key) for key in keys] + inner


@DAMAGED
@given(st.data())
def test_a_value_of_bundle_json_is_taken_as_it_is_or_refused_in_one_line(mutable: Bundle, data: st.DataObject) -> None:
    manifest = mutable.manifest.model_dump(mode="json")
    container, key = data.draw(st.sampled_from(places(manifest)))
    container[key] = data.draw(VALUES)
    (mutable.folder / contract.BUNDLE_FILE).write_text(json.dumps(manifest))
    opened, said = None, ""
    try:
        opened = open_bundle(mutable.folder)
    except BundleError as error:
        said = str(error)
    assert said.isprintable()
    if opened:  # then everybody who reads it gets what they expect
        assert opened.release == mutable.release
        assert 0 <= opened.confidence_threshold <= 1
        assert isinstance(opened.image_px + len(opened.dataset_digest), int)


@DAMAGED
@given(st.data())
def test_a_name_missing_in_bundle_json_is_refused_in_one_line(mutable: Bundle, data: st.DataObject) -> None:
    manifest = mutable.manifest.model_dump(mode="json")
    named = [(container, key) for container, key in places(manifest) if isinstance(container, dict)]
    named = [(container, key) for container, key in named if key not in NEWER]
    container, key = data.draw(st.sampled_from(named))
    del container[key]
    refused(mutable, json.dumps(manifest).encode())


@DAMAGED
@given(st.binary(max_size=300))
def test_bytes_that_are_no_bundle_json_are_refused_in_one_line(mutable: Bundle, text: bytes) -> None:
    refused(mutable, text)


@DAMAGED
@given(st.data())
def test_a_cut_bundle_json_is_refused_in_one_line(mutable: Bundle, data: st.DataObject) -> None:
    whole = mutable.manifest.model_dump_json().encode()
    refused(mutable, whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"[" * 100_000, "damaged", id="nested without end"),
        pytest.param(b"9" * 100_000, "damaged", id="a number without end"),
        pytest.param(b" " * 2**21, "larger than", id="too large"),
        pytest.param(b"\xff\xfe", "damaged", id="no text"),
        pytest.param(b"[]", "expected an object", id="a list"),
        pytest.param(b'{"schema_version": 2}', "has bundle schema 2, expected 1", id="of another schema"),
        pytest.param(
            b'{"schema_version": true}',
            "schema_version is True, expected a valid integer",
            id="a schema that is not a number",
        ),
    ],
)
def test_what_is_no_bundle_json_is_told_apart(mutable: Bundle, text: bytes, said: str) -> None:
    assert said in refused(mutable, text)


@pytest.mark.parametrize(
    "path",
    [
        "../outside", "/etc/passwd", "repository/../../outside", "./labels.txt", "a//b", "a/", "", ".hidden", "a\\b",
        "C:\\labels.txt", "a\nb", "a\0b", "\ud800", "b\u0308", 7, None, ["a"],
    ],
    ids=ascii,
)  # fmt: skip
def test_a_path_that_is_no_plain_name_inside_the_bundle_is_refused(mutable: Bundle, path: Any) -> None:
    manifest = mutable.manifest.model_dump(mode="json")
    manifest["files"][0]["path"] = path
    assert "expected" in refused(mutable, json.dumps(manifest).encode())


def test_a_file_named_twice_is_refused(mutable: Bundle) -> None:
    manifest = mutable.manifest.model_dump(mode="json")
    manifest["files"].append(manifest["files"][0])
    assert "names a file twice" in refused(mutable, json.dumps(manifest).encode())


def link_to_bundle_json(bundle: Path) -> None:
    (bundle / contract.BUNDLE_FILE).rename(bundle.parent / "elsewhere.json")
    (bundle / contract.BUNDLE_FILE).symlink_to(bundle.parent / "elsewhere.json")


def linked_folder(bundle: Path) -> None:
    (bundle / contract.REPOSITORY_FOLDER).rename(bundle.parent / "elsewhere")
    (bundle / contract.REPOSITORY_FOLDER).symlink_to(bundle.parent / "elsewhere")


def linked_signature(bundle: Path) -> None:
    (bundle / contract.SIGNATURE_FILE).symlink_to("/dev/zero")


def pipe(bundle: Path) -> None:
    os.mkfifo(bundle / "extras.fifo")


def name_of_two_lines(bundle: Path) -> None:
    (bundle / "a\nb").write_text("")


def name_that_is_no_text(bundle: Path) -> None:
    (bundle / os.fsdecode(b"\xff")).write_text("")


def more_files_than_a_bundle_has(bundle: Path) -> None:
    for number in range(200):
        (bundle / f"{number}").mkdir()


def larger_than_a_bundle_is(bundle: Path) -> None:
    with (bundle / contract.MODEL_FILE).open("ab") as file:
        file.truncate(2**33)  # a sparse file: it takes no room, and reading it would take minutes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (link_to_bundle_json, "plain files only"),
        (linked_folder, "plain files only"),
        (linked_signature, "plain files only"),
        (pipe, "plain files only"),
        (name_of_two_lines, r"extra 'a\nb'"),
        (name_that_is_no_text, r"extra '\udcff'"),
        (more_files_than_a_bundle_has, "more than 100 files"),
        (larger_than_a_bundle_is, "more than the 2,147,483,648"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_no_bundle_holds_is_refused_before_it_is_read(
    bundle: Bundle, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "bundle"))
    change(copy)
    with pytest.raises(BundleError) as refusal:
        open_bundle(copy)
    assert said in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_a_program_beside_the_model_is_not_served(bundle: Bundle, tmp_path: Path) -> None:
    planted = plant(
        bundle.folder, tmp_path / "bundle", lambda folder: (folder / "repository/asl_model/1/model.py").write_text("")
    )
    open_bundle(planted)  # its digests are right
    with pytest.raises(BundleError, match=r"the repository holds .*model\.py"):
        choose_bundle(InferenceSettings(bundle=str(planted)))


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"preparation_version": 2}, "preparation_version is 2, expected 1"),
        ({"temperature": 0.01}, "temperature is 0.01, expected 0.25 to 4"),
        ({"classes": ["A"]}, r"classes is \['A'\], expected"),
    ],
    ids=["prepared otherwise", "temperature", "classes"],
)
def test_a_bundle_that_says_otherwise_than_this_program_is_not_served(
    bundle: Bundle, tmp_path: Path, said: dict[str, object], fault: str
) -> None:
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "bundle"))
    path = copy / contract.BUNDLE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
    open_bundle(copy)  # its digests are right
    with pytest.raises(BundleError, match=fault):
        choose_bundle(InferenceSettings(bundle=str(copy)))


def of_initializer(model: onnx.ModelProto) -> onnx.TensorProto:
    return model.graph.initializer[0]


def of_constant(model: onnx.ModelProto) -> onnx.TensorProto:
    node = model.graph.node.add(op_type="Constant", output=["c"])
    return node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t


def of_branch(model: onnx.ModelProto) -> onnx.TensorProto:
    node = model.graph.node.add(op_type="If", input=["c"], output=["d"])
    return node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.initializer.add()


def of_function(model: onnx.ModelProto) -> onnx.TensorProto:
    node = model.functions.add(name="f", domain="d").node.add(op_type="Constant", output=["c"])
    return node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t


def of_sparse(model: onnx.ModelProto) -> onnx.TensorProto:
    return model.graph.sparse_initializer.add().values


@pytest.mark.parametrize("location", ["/etc/hostname", "../outside.bin", "beside.bin", ""])
@pytest.mark.parametrize("part", [of_initializer, of_constant, of_branch, of_function, of_sparse])
def test_a_model_that_keeps_weights_elsewhere_is_refused_before_anything_opens_them(
    tmp_path: Path, part: Callable[[onnx.ModelProto], onnx.TensorProto], location: str
) -> None:
    model = tiny_model()
    tensor = part(model)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(BundleError, match="weights outside the ONNX file"):
        open_session(tmp_path / "model.onnx")


def test_weights_are_never_unpickled() -> None:
    from tests.conftest import PROJECT

    sources = [path for folder in ("asl_pkg", "components", "benchmarks") for path in (PROJECT / folder).rglob("*.py")]
    calls = [line for path in sources for line in path.read_text().splitlines() if "torch.load(" in line]
    assert calls
    assert all("weights_only=True" in line for line in calls)
    text = "".join(path.read_text() for path in sources)
    assert not any(word in text for word in ("pickle.load", "joblib.load", "allow_pickle=True", "weights_only=False"))


def test_sealing_again_leaves_a_signature_out(bundle: Bundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle.folder, tmp_path / "bundle"))
    (copy / contract.SIGNATURE_FILE).write_text("{}")
    again = seal(copy, bundle.manifest)
    assert again.manifest == bundle.manifest
    open_bundle(copy)
