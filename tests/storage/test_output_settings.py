"""Every verb refuses an output folder that is not its own before it reads anything: there is nothing to read here."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from asl_pkg import contract
from asl_pkg.commands import steps
from asl_pkg.config.schema import FolderData, InferenceSettings, Settings
from asl_pkg.data.cache import NAMES
from asl_pkg.errors import AslError, SettingError
from asl_pkg.export import export
from asl_pkg.monitor import monitor
from asl_pkg.pipeline import compile_pipeline, run
from asl_pkg.pull import pull
from asl_pkg.storage import outputs
from asl_pkg.validate import validate
from tests.storage.test_outputs import CONTENTS, unchanged
from tests.support.tiny import tiny_model

NONE = Path("no such input")

VERBS: dict[str, Callable[[Path], object]] = {
    "dataset_dir": lambda folder: pull(Settings(data=FolderData(path=str(NONE))), folder),
    "bundle_dir": lambda folder: export(Settings(), NONE, folder),
    "report_dir": lambda folder: validate(Settings(), NONE, NONE, NONE, folder),
}


@pytest.mark.parametrize("setting", VERBS)
@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.__name__)
def test_a_folder_that_is_not_ours_is_refused_first(
    tmp_path: Path, setting: str, content: Callable[[Path], None]
) -> None:
    content(tmp_path / "set")
    with unchanged(tmp_path), pytest.raises(SettingError, match=setting):
        VERBS[setting](tmp_path / "set")


@pytest.mark.parametrize(
    "name",
    ["checkpoints/epoch3.ckpt", "checkpoints/best.ckpt", contract.METRICS_FILE, contract.HISTORY_FILE, "plots"],
)
def test_train_refuses_before_it_pulls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "models" / name if name != "plots" else tmp_path / "plots/mine.png"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with unchanged(tmp_path), pytest.raises(SettingError, match="not written by asl"):
        steps.train("training_dir=models", "data=folder", f"data.path={NONE}")


def test_monitor_refuses_files_of_its_names(tmp_path: Path) -> None:
    (tmp_path / contract.MONITOR_PAGE).write_text("mine")
    with unchanged(tmp_path), pytest.raises(SettingError, match="monitor_dir"):
        monitor(InferenceSettings(bundle=str(NONE), monitor_dir=str(tmp_path)), [])


@pytest.mark.parametrize("text", [b"mine", onnx.helper.make_model(onnx.GraphProto(name="mine")).SerializeToString()])
def test_another_onnx_file_beside_the_bundle_stays(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(text)
    with unchanged(tmp_path), pytest.raises(SettingError, match="bundle_dir"):
        export(Settings(), NONE, tmp_path / "bundle", tmp_path / "model.onnx")


def test_an_onnx_file_of_ours_is_not_refused(tmp_path: Path) -> None:
    onnx.save(tiny_model(), tmp_path / "model.onnx")
    with pytest.raises(AslError, match="no checkpoint"):
        export(Settings(), NONE, tmp_path / "bundle", tmp_path / "model.onnx")


def test_a_bundle_is_not_named_as_the_graph_beside_it(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="choose another folder"):
        export(Settings(), NONE, tmp_path / "model.onnx", tmp_path / "model.onnx")


def test_a_data_set_does_not_replace_the_one_that_it_is_made_of(tmp_path: Path) -> None:
    with outputs.replaced(tmp_path / "set", outputs.DATASET):
        pass
    with unchanged(tmp_path), pytest.raises(SettingError, match="an input of this run"):
        pull(Settings(data=FolderData(path=str(tmp_path / "set"))), tmp_path / "set")


@pytest.mark.parametrize("name", ["log.txt", "train", "pull/dataset.json"])
def test_a_pipeline_run_refuses_what_stands_where_it_writes(tmp_path: Path, name: str) -> None:
    (tmp_path / "run" / name).parent.mkdir(parents=True)
    (tmp_path / "run" / name).write_text("mine")
    with unchanged(tmp_path), pytest.raises(SettingError, match="not written by asl"):
        run(["cache=false"], tmp_path / "run")


@pytest.mark.parametrize("text", ["mine", "# PIPELINE DEFINITION\n# Name: another\n"])
def test_compile_overwrites_no_other_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "my.yaml").write_text(text)
    with unchanged(tmp_path), pytest.raises(SettingError, match="compile FILE"):
        compile_pipeline(tmp_path / "my.yaml")


def test_names_of_decoded_images_are_the_caches_own(tmp_path: Path) -> None:
    """A folder of such a name with anything else in it is none, so that no room is made of it."""
    theirs = tmp_path / ("0123456789abcdef" + "-train-v1-200px")
    theirs.mkdir()
    (theirs / "pixels.npy").touch()
    (theirs / "labels.npy").touch()
    assert list(tmp_path.glob(NAMES)) == [theirs]
    assert outputs.is_ours(theirs, outputs.DECODED)
    (theirs / "notes.txt").write_text("mine")
    assert not outputs.is_ours(theirs, outputs.DECODED)
