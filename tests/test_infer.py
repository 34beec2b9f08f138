"""`asl infer`: which images it finds, what it answers, and that a broken image does not stop the rest."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import BaselineModel, InferenceSettings, TrainerSettings
from asl_pkg.data.preparation import prepare
from asl_pkg.data.sample import RejectedFile
from asl_pkg.errors import BundleError, DataError, SettingError
from asl_pkg.infer import Prediction, as_json_line, as_table_line, infer
from asl_pkg.inference.image_paths import find_images
from asl_pkg.inference.onnx_session import open_session, predict
from asl_pkg.inference.postprocess import UNSURE
from asl_pkg.inference.runtimes import UNRELEASED
from asl_pkg.models.classifier import Classifier
from asl_pkg.serving.triton.local import LocalTriton
from tests.support.tiny import THRESHOLD, make_bundle, tiny_model


@pytest.fixture
def chosen(bundle: Bundle) -> InferenceSettings:
    return InferenceSettings(bundle=str(bundle.folder))


def draw(path: Path, colour: tuple[int, int, int] = (200, 30, 90)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), colour).save(path, "PNG")
    return path


FILE_NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", "..", "-") and len(name.encode()) < 200)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(name=FILE_NAMES)
def test_a_name_that_exists_is_that_file_whatever_characters_it_holds(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "literal"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.touch()
    assert find_images([str(path)]) == [path]
    path.unlink()


def test_such_names_are_taken_literally_on_the_command_line(tmp_path: Path, bundle: Bundle) -> None:
    names = ["a b.jpg", "x[1].png", "1,2.jpg", "a=b.jpg", "42", "*.jpg"]
    for name in [*names, "x1.png"]:
        draw(tmp_path / name)
    command = [sys.executable, "-m", "asl_pkg.commands", "infer", *names[1:], f"image_path={names[0]}", "output=json"]
    done = subprocess.run(
        [*command, f"bundle={bundle.folder}"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert sorted(json.loads(line)["path"] for line in done.stdout.splitlines()) == sorted(names), done.stderr


def test_a_folder_is_searched_at_any_depth_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "b/1.jpg", "a.jpeg", "c/d/e.png", "notes.txt", "b/._1.jpg"):
        draw(tmp_path / name)
    found = find_images([str(tmp_path)])
    assert [str(path.relative_to(tmp_path)) for path in found if isinstance(path, Path)] == [
        "a.jpeg",
        "b/1.jpg",
        "b/2.PNG",
        "c/d/e.png",
    ]


def test_what_a_folder_hides_is_an_answer_or_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("store/1.jpg", "set/2.tif", "set/3", "set/4.heic", "set/x.mp4", "set/y"):
        draw(tmp_path / name)
    (tmp_path / "set/x.mp4").write_bytes(b"video")
    (tmp_path / "set/y").write_bytes(b"text")
    (tmp_path / "set/linked").symlink_to("../store")
    (tmp_path / "set/loop").symlink_to(".")
    (tmp_path / "set/5.jpg").symlink_to("none.jpg")
    found = find_images([str(tmp_path / "set")])
    assert [str(path.relative_to(tmp_path / "set")) for path in found if isinstance(path, Path)] == [
        "2.tif", "3", "4.heic", "linked/1.jpg"
    ]  # fmt: skip
    (lost,) = [item for item in found if isinstance(item, RejectedFile)]
    assert (lost.path, lost.quarantined) == (str(tmp_path / "set/5.jpg"), True)
    told = capsys.readouterr().err
    assert "3 left out" in told
    assert ".mp4" in told
    assert "loop" in told


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_the_right_to_read_it_is_an_answer(tmp_path: Path) -> None:
    draw(tmp_path / "set/1.jpg")
    draw(tmp_path / "set/eve/1.jpg").parent.chmod(0)
    try:
        assert [type(item) for item in find_images([str(tmp_path / "set")])] == [type(tmp_path), RejectedFile]
    finally:
        (tmp_path / "set/eve").chmod(0o755)


def test_a_broken_link_in_a_folder_is_a_broken_answer(tmp_path: Path, chosen: InferenceSettings) -> None:
    draw(tmp_path / "set/1.jpg")
    (tmp_path / "set/2.jpg").symlink_to("none.jpg")
    whole, broken = infer(chosen, [str(tmp_path / "set")])
    assert whole.error is None
    assert broken.path.endswith("set/2.jpg")
    assert "link" in (broken.error or "")


def test_a_glob_is_expanded_and_names_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b1.jpg", "b2.jpg", "a.jpg"):
        draw(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert find_images(["b*.jpg", "-", "a.jpg"]) == [Path("b1.jpg"), Path("b2.jpg"), None, Path("a.jpg")]


@pytest.mark.parametrize(
    "names", [[], ["nothing-here.jpg"], ["*.none", ""], ["x" * 5000]], ids=["none", "missing", "several", "too long"]
)
def test_where_there_is_no_image_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no image"):
        find_images(names)


def test_an_answer_has_the_likeliest_letter_three_candidates_and_the_release(
    tmp_path: Path, chosen: InferenceSettings, bundle: Bundle
) -> None:
    image = draw(tmp_path / "a.png", (255, 0, 0))
    (answer,) = infer(replace(chosen, confidence_threshold=0.0), [str(image)])
    probabilities = predict(open_session(bundle.model_path), prepare(image)[None])[0]
    order = probabilities.argsort()[::-1]
    assert answer.letter == contract.CLASSES[order[0]]
    assert [letter for letter, _ in answer.top3] == [contract.CLASSES[index] for index in order[:3]]
    assert [probability for _, probability in answer.top3] == pytest.approx(probabilities[order[:3]], abs=1e-6)
    assert answer.confidence == answer.top3[0][1]
    assert answer.release == bundle.release
    assert answer.error is None


def test_below_the_threshold_it_is_unsure_and_still_names_three(tmp_path: Path, chosen: InferenceSettings) -> None:
    image = str(draw(tmp_path / "a.png", (130, 128, 128)))  # nearly grey: nearly uniform
    (answer,) = infer(chosen, [image])
    assert answer.confidence < THRESHOLD
    assert answer.letter == UNSURE
    assert len(answer.top3) == 3
    (answer,) = infer(replace(chosen, confidence_threshold=answer.confidence), [image])
    assert answer.letter == answer.top3[0][0], "at the threshold it is sure"


def test_broken_images_are_named_one_by_one_and_do_not_stop_the_rest(tmp_path: Path, chosen: InferenceSettings) -> None:
    images = []
    for index in range(2 * contract.MAX_BATCH + 1):
        images.append(draw(tmp_path / f"{index:03}.png", (index * 3, 255 - index * 3, 90)))
        if index % 3 == 0:
            images[-1].write_bytes(images[-1].read_bytes()[:50])
    answers = list(infer(chosen, [*map(str, images), str(tmp_path / "missing.png")]))
    assert [answer.path for answer in answers] == [*map(str, images), str(tmp_path / "missing.png")]
    broken = [index for index, answer in enumerate(answers) if answer.error]
    assert broken == [*range(0, len(images), 3), len(images)]
    alone = [next(infer(chosen, [str(images[index])])) for index in (1, 2, 4, 64)]
    assert [answers[index] for index in (1, 2, 4, 64)] == alone, "a broken neighbour changes no answer"
    assert all(not answer.letter and answer.path not in (answer.error or "") for answer in answers if answer.error)


def test_the_command_line_reports_broken_images_and_exits_1(tmp_path: Path, bundle: Bundle) -> None:
    draw(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    command = [sys.executable, "-m", "asl_pkg.commands", "infer", ".", f"bundle={bundle.folder}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert "broken: " in first
    assert "%" in second
    assert done.stderr.startswith("asl: could not read 1 of the images")


def test_a_image_comes_from_standard_input(tmp_path: Path, bundle: Bundle) -> None:
    image = draw(tmp_path / "a.png")
    command = [sys.executable, "-m", "asl_pkg.commands", "infer", "-", str(image), f"bundle={bundle.folder}"]
    done = subprocess.run([*command, "output=json"], input=image.read_bytes(), capture_output=True, timeout=120)
    piped, named = map(json.loads, done.stdout.splitlines())
    assert piped["path"] == "-"
    assert piped["top3"] == named["top3"]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_triton_says_what_onnx_runtime_says(
    tmp_path: Path, chosen: InferenceSettings, server: LocalTriton, protocol: str
) -> None:
    names = [str(draw(tmp_path / f"{index}.png", (index * 60, 200, 10))) for index in range(4)]
    asked = InferenceSettings(runtime="triton", url=getattr(server, f"{protocol}_url"))
    for here, there in zip(infer(chosen, names), infer(asked, names), strict=True):
        assert (there.path, there.letter, there.release) == (here.path, here.letter, here.release)
        assert there.confidence == pytest.approx(here.confidence, abs=1e-5)


def test_a_bare_onnx_file_answers_with_the_threshold_that_it_holds(tmp_path: Path, chosen: InferenceSettings) -> None:
    onnx.save(tiny_model(), tmp_path / "bare.onnx")
    names = [str(draw(tmp_path / "sure.png")), str(draw(tmp_path / "unsure.png", (130, 128, 128)))]
    bare = list(infer(InferenceSettings(onnx_path=str(tmp_path / "bare.onnx")), names))
    assert [prediction.letter for prediction in bare] == [prediction.letter for prediction in infer(chosen, names)]
    assert bare[1].letter == UNSURE


def test_torch_answers_from_a_checkpoint_with_its_temperature(tmp_path: Path) -> None:
    hyper_parameters = {
        "model": asdict(BaselineModel(width=4)), "trainer": asdict(TrainerSettings()), "temperature": 0.1,
        "classes": list(contract.CLASSES), "contract_version": contract.CONTRACT_VERSION,
    }  # fmt: skip
    classifier = Classifier(hyper_parameters)
    path = tmp_path / "a.ckpt"
    torch.save({"hyper_parameters": hyper_parameters, "state_dict": classifier.state_dict()}, path)
    image = draw(tmp_path / "a.png")
    (answer,) = infer(InferenceSettings(runtime="torch", checkpoint_path=str(path)), [str(image)])
    with torch.inference_mode():
        logits = classifier.eval()(torch.from_numpy(prepare(image)[None].copy()))
    assert answer.confidence == pytest.approx(float(torch.softmax(logits / 0.1, 1).max()), abs=1e-5)
    assert answer.release == UNRELEASED


def test_a_bare_onnx_file_of_other_classes_is_refused(tmp_path: Path) -> None:
    model = tiny_model()
    onnx.helper.set_model_props(model, {contract.METADATA_CLASSES: '["A"]'})
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(BundleError, match="classes"):
        infer(InferenceSettings(onnx_path=str(tmp_path / "other.onnx")), [str(draw(tmp_path / "a.png"))])


@pytest.mark.parametrize("content", [None, b"", b"no model"], ids=["missing", "empty", "damaged"])
def test_an_onnx_file_that_is_none_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BundleError, match="asl export"):
        infer(InferenceSettings(onnx_path=str(path)), [str(draw(tmp_path / "a.png"))])


def test_another_image_size_is_refused_with_the_models_own(tmp_path: Path, chosen: InferenceSettings) -> None:
    with pytest.raises(SettingError, match=f"takes {contract.IMAGE_PX}"):
        infer(replace(chosen, img_size=100), [str(draw(tmp_path / "a.png"))])


def test_a_bundle_of_another_preparation_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    other = bundle.manifest.model_copy(update={"preparation_version": 2})
    (bundle.folder / contract.BUNDLE_FILE).write_text(other.model_dump_json())
    with pytest.raises(BundleError, match="preparation_version is 2, expected 1"):
        infer(InferenceSettings(bundle=str(bundle.folder)), [str(draw(tmp_path / "a.png"))])


def test_a_name_of_control_characters_cannot_write_to_the_terminal() -> None:
    line = as_table_line(Prediction("\x1b[2Ja\nb.png", "abc", "A", 0.9, [("A", 0.9)]))
    assert line.isprintable()


def test_a_line_of_json_holds_everything_in_plain_ascii() -> None:
    answer = Prediction("\udcff.png", "abc", "A", 0.9, [("A", 0.9), ("B", 0.1), ("C", 0.0)])
    assert as_json_line(answer).isascii(), "a name that is not text could not be printed"
    assert json.loads(as_json_line(answer)) == {
        "path": "\udcff.png", "release": "abc", "letter": "A", "confidence": 0.9,
        "top3": [["A", 0.9], ["B", 0.1], ["C", 0.0]], "error": None, "measures": {},
    }  # fmt: skip


def test_one_image_has_one_answer_whatever_its_batch(tmp_path: Path, chosen: InferenceSettings) -> None:
    """The same image twice in one batch, and once in another, has one answer."""
    name = str(draw(tmp_path / "a.png"))
    answers = list(infer(chosen, [name] * (contract.MAX_BATCH + 1)))
    assert len({answer.confidence for answer in answers}) == 1
