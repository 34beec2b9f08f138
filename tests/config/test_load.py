"""Settings: dataclasses hold the defaults, text is literal, impossible values are refused."""

import dataclasses
import operator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.commands.arguments import split_paths_and_overrides
from asl_pkg.config.load import at_home, load, overrides_of, walk, with_homes
from asl_pkg.config.schema import GROUPS, SCHEMAS, BaselineModel, FolderData, InferenceSettings, Settings, TrainSettings
from asl_pkg.errors import SettingError


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_the_defaults_are_those_of_the_dataclass(schema: type) -> None:
    assert load(schema) == schema()


@pytest.mark.parametrize("choice", [f"{group}={name}" for group, names in GROUPS.items() for name in names])
def test_the_defaults_of_a_choice_are_those_of_its_dataclass(choice: str) -> None:
    group, _, name = choice.partition("=")
    assert getattr(load(TrainSettings, [choice]), group) == GROUPS[group][name]()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_every_setting_says_what_it_means(schema: type) -> None:
    assert all(field.metadata["help"] for _, field in walk(schema))


def test_numbers_and_choices_from_the_command_line_arrive() -> None:
    loaded = load(
        TrainSettings, ["model=resnet", "data.batch_size=32", "trainer.max_epochs=50", "trainer.augment=false"]
    )
    assert loaded.model.name == "resnet"
    assert loaded.data.batch_size == 32
    assert loaded.trainer.max_epochs == 50
    assert loaded.trainer.augment is False


@pytest.mark.parametrize(
    ("url", "kind"), [("s3://bucket/prefix", "s3"), ("https://host/a.zip", "http"), ("http://host/a=b.tar", "http")]
)
def test_a_url_chooses_the_kind_of_source(url: str, kind: str) -> None:
    data = load(Settings, [f"data={url}"]).data
    assert (data.name, data.path) == (kind, url)


@settings(deadline=None, max_examples=30)  # Hydra takes a while
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40).filter(lambda text: not text.startswith("~")))
def test_a_text_is_taken_literally(text: str) -> None:
    assert load(InferenceSettings, [f"image_path={text}"]).image_path == text


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["data=synthetic", "data=s3"]),
    st.sampled_from(["model=baseline", "model=resnet"]),
    st.floats(1e-7, 1.0),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_settings_can_be_typed_again(data: str, model: str, rate: float, augment: bool, place: str) -> None:
    chosen = [data, model, f"trainer.learning_rate={rate}", f"trainer.augment={augment}", f"checkpoint_uri={place}"]
    loaded = load(TrainSettings, chosen)
    assert load(TrainSettings, overrides_of(loaded)) == loaded


@pytest.mark.parametrize(
    "override",
    [
        "seed=-1", "seed=1.5", "seed=", "seed", "=3", "unknown=1", "data=kaggle", "data.path=x", "trainer=1",
        "trainer.learning_rate=nan", "trainer.learning_rate=inf", "data.batch_size=1", "model.backbone=resnet18",
        "validate.accuracy_min=1.01", "trainer.augment=perhaps", "+seed=1", "~seed", "seed=[1", "seed=${x}",
    ],
)  # fmt: skip
def test_what_is_unknown_of_the_wrong_type_or_impossible_is_refused_in_one_line(override: str) -> None:
    with pytest.raises(SettingError) as refusal:
        load(TrainSettings, [override])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [("data.batch_size=1", "2 to 4,096 images"), ("trainer.patience_epochs=0", "at least 1 epochs")],
)
def test_a_value_out_of_range_is_refused_with_the_range(override: str, expected: str) -> None:
    with pytest.raises(SettingError, match=f"{override}: expected {expected}"):
        load(TrainSettings, [override])


@pytest.mark.parametrize(
    "override", ["data.path=x", "data.test_share=0.3", "model.backbone=resnet18", "model.freeze_backbone=true"]
)
def test_a_setting_of_another_choice_is_refused(override: str) -> None:
    with pytest.raises(SettingError, match="=(synthetic|hand) has no such setting"):
        load(TrainSettings, [override])


def test_the_width_chooses_the_former_default_network_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert load(TrainSettings, ["model.width=8"]).model == BaselineModel(width=8)
    assert "model=baseline" in capsys.readouterr().err
    assert load(TrainSettings, ["model.width=8", "model=baseline"]).model == BaselineModel(width=8)
    assert not capsys.readouterr().err
    with pytest.raises(SettingError, match="belongs to model=baseline"):
        load(TrainSettings, ["model.width=8", "model=hand"])


def test_a_choice_may_follow_its_settings_and_the_last_one_counts() -> None:
    data = load(Settings, ["data=s3", "data.test_share=0.3", "data.path=x", "data=folder"]).data
    assert data == FolderData(path="x", test_share=0.3)


def test_train_has_every_setting_of_default() -> None:
    common = {field.name for field in dataclasses.fields(Settings)}
    assert common < {field.name for field in dataclasses.fields(TrainSettings)}


@pytest.mark.parametrize(
    ("override", "name", "expected"),
    [
        ("dataset_dir=~/set", "dataset_dir", "{home}/set"),
        ("dataset_dir=~", "dataset_dir", "{home}"),
        ("store=~/store", "store", "{home}/store"),
        ("store=s3://models/~x", "store", "s3://models/~x"),
        ("data.cache_dir=~/cache", "data.cache_dir", "{home}/cache"),
        ("dataset_dir=set~", "dataset_dir", "set~"),
    ],
)
def test_a_tilde_is_the_home_folder_in_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, name: str, expected: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert operator.attrgetter(name)(load(Settings, [override])) == expected.format(home=tmp_path)
    assert with_homes(Settings, [override]) == [f"{name}={expected.format(home=tmp_path)}"]


def test_a_tilde_is_the_home_folder_in_each_part_of_a_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    chosen = load(Settings, ["data=mix", "data.path=ann=~/a.zip,synthetic,~/b,bob=s3://x/~y"])
    assert vars(chosen.data)["path"] == f"ann={tmp_path}/a.zip,synthetic,{tmp_path}/b,bob=s3://x/~y"


def test_a_file_whose_name_begins_with_a_tilde_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nobody.jpg").touch()
    assert at_home("~nobody.jpg") == "~nobody.jpg"


@pytest.mark.parametrize("path", ["~/set", "~nobody_of_that_name/set"])
def test_a_home_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(SettingError, match="home folder of .* is unknown"):
        load(Settings, [f"dataset_dir={path}"])


def test_words_of_the_command_line_may_begin_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert split_paths_and_overrides(["~/a.jpg", "store=~/x"]) == ([f"{tmp_path}/a.jpg"], ["store=~/x"])
