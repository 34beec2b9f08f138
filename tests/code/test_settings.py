"""Settings: YAML and dataclasses agree, texts are literal, the impossible is refused."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.config import FILES, GROUPS, InferenceSettings, Settings, TrainSettings
from asl_pkg.errors import SettingError
from asl_pkg.settings import load, overrides_of, walk


@pytest.mark.parametrize("schema", FILES, ids=lambda schema: FILES[schema])
def test_the_yaml_files_say_what_the_dataclasses_say(schema: type) -> None:
    assert load(schema) == schema()


@pytest.mark.parametrize("choice", [f"{group}={name}" for group, names in GROUPS.items() for name in names])
def test_every_choice_of_a_group_says_what_its_dataclass_says(choice: str) -> None:
    group, _, name = choice.partition("=")
    assert getattr(load(TrainSettings, [choice]), group) == GROUPS[group][name]()


@pytest.mark.parametrize("schema", FILES, ids=lambda schema: FILES[schema])
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
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
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
        "trainer.learning_rate=nan", "trainer.learning_rate=inf", "model.width=3", "model.backbone=resnet18",
        "validate.accuracy_min=1.01", "trainer.augment=perhaps", "+seed=1", "~seed", "seed=[1", "seed=${x}",
    ],
)  # fmt: skip
def test_what_is_unknown_of_the_wrong_type_or_impossible_is_refused_in_one_line(override: str) -> None:
    with pytest.raises(SettingError) as refusal:
        load(TrainSettings, [override])
    assert "\n" not in str(refusal.value)


def test_train_has_every_setting_of_default() -> None:
    common = {field.name for field in dataclasses.fields(Settings)}
    assert common < {field.name for field in dataclasses.fields(TrainSettings)}
