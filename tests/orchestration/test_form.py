"""The form of a run: the pipeline has the table's parameters, which are few, grouped, described and used."""

from itertools import groupby
from operator import attrgetter
from typing import Any

import pytest

from asl_pkg import pipeline
from asl_pkg.config.load import load, walk
from asl_pkg.config.schema import PipelineSettings
from asl_pkg.config.text import settings_from_text
from asl_pkg.orchestration import compiled
from asl_pkg.orchestration.form import PARAMETERS, STEP_TITLES, describe_pipeline, parameter_of

GROUPS = ["data", "deploy", "export", "pod", "seed", "train", "validate"]
TYPES = {int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", str: "STRING"}


@pytest.fixture(scope="module")
def graph() -> dict[str, Any]:
    return compiled.read_compiled(pipeline.COMPILED)[0]


@pytest.fixture(scope="module")
def fields(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(graph["root"]["inputDefinitions"]["parameters"])


def test_the_compiled_form_is_the_table(fields: dict[str, dict[str, Any]]) -> None:
    assert {name: (field["defaultValue"], field["description"]) for name, field in fields.items()} == {
        name: (parameter.default, parameter.help) for name, parameter in PARAMETERS.items()
    }
    assert {name: field["parameterType"] for name, field in fields.items()} == {
        name: TYPES[type(parameter.default)] for name, parameter in PARAMETERS.items()
    }


def test_the_form_has_at_most_fourteen_fields_in_groups_that_the_alphabet_makes(
    fields: dict[str, dict[str, Any]],
) -> None:
    assert len(fields) <= 14
    assert list(PARAMETERS) == sorted(PARAMETERS)
    assert [group for group, _ in groupby(sorted(fields), lambda name: name.partition("_")[0])] == GROUPS


def test_the_pipelines_own_description_names_and_describes_every_field(graph: dict[str, Any]) -> None:
    assert graph["pipelineInfo"]["description"] == describe_pipeline()
    for name, parameter in PARAMETERS.items():
        assert f"**{name}**: {parameter.help}" in describe_pipeline()


def test_a_form_that_nobody_changes_means_the_settings_that_nobody_changes() -> None:
    unchanged = PipelineSettings(store=PARAMETERS["deploy_store"].default)  # pods see no folder
    typed = []
    for parameter in PARAMETERS.values():
        typed += [f"{parameter.setting}={parameter.default}"] if parameter.setting else []
        typed += settings_from_text(parameter.default) if parameter.further else []
    assert load(PipelineSettings, typed) == unchanged


def test_what_a_text_shows_by_default_is_what_it_may_hold() -> None:
    for name, parameter in PARAMETERS.items():
        for setting in settings_from_text(parameter.default) if parameter.further else []:
            assert parameter_of(setting.partition("=")[0]) == name


def test_a_parameter_that_holds_one_setting_is_of_its_type() -> None:
    for name, parameter in PARAMETERS.items():
        if parameter.setting and parameter.setting not in ("data", "model", "pod.accelerator_count"):
            assert type(attrgetter(parameter.setting)(PipelineSettings())) is type(parameter.default), name


def test_every_parameter_reaches_a_step(graph: dict[str, Any]) -> None:
    used = {
        given["componentInputParameter"].removeprefix("pipelinechannel--")
        for task in compiled.tasks([graph]).values()
        for given in task.get("inputs", {}).get("parameters", {}).values()
        if "componentInputParameter" in given
    }
    assert used >= PARAMETERS.keys()


def test_every_step_has_a_title_and_every_group_a_name(graph: dict[str, Any]) -> None:
    titles = {name: task["taskInfo"]["name"] for name, task in compiled.tasks([graph]).items()}
    assert {name: title for name, title in titles.items() if name in STEP_TITLES} == STEP_TITLES
    groups = {title for name, title in titles.items() if name not in STEP_TITLES}
    assert groups == {"steps", "passes the gates", "fails the gates"}


def test_every_setting_is_held_by_one_parameter_at_most() -> None:
    held = [setting for parameter in PARAMETERS.values() for setting in (parameter.setting, *parameter.further)]
    assert len([setting for setting in held if setting]) == len({setting for setting in held if setting})
    known = {name for name, _ in walk(PipelineSettings)} | {"data", "model"}
    assert {setting for setting in held if setting and not setting.endswith(".")} <= known
