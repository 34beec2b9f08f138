"""The compiled pipeline as data: what a run sets or removes changes nothing else."""

import copy
from typing import Any

import pytest

from asl_pkg import pipeline
from asl_pkg.config.schema import PodSettings
from asl_pkg.orchestration import compiled, images


@pytest.fixture
def documents() -> compiled.Documents:
    return compiled.read_compiled(pipeline.COMPILED)


def differences(before: Any, after: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """What differs between two values of the same shape, by where it is."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = before.keys() | after.keys()
        pairs = {name: (before.get(name), after.get(name)) for name in names}
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = dict(enumerate(zip(before, after, strict=True)))
    else:
        return {} if before == after else {path: (before, after)}
    return {
        where: pair for name, (a, b) in pairs.items() for where, pair in differences(a, b, f"{path}/{name}").items()
    }


def test_a_pipeline_that_is_written_and_read_again_is_the_same(documents: compiled.Documents, tmp_path: Any) -> None:
    (tmp_path / "asl.yaml").write_text(compiled.to_yaml(documents))
    assert compiled.read_compiled(tmp_path / "asl.yaml") == documents


def test_images_are_filled_in_for_every_step_and_nothing_else_changes(documents: compiled.Documents) -> None:
    before = copy.deepcopy(documents)
    chosen = images.step_images(PodSettings(data_image="registry:5000/team/mine@sha256:0a"))
    compiled.set_images(documents, chosen)
    changed = differences(before, documents)
    assert all(where.endswith("/container/image") for where in changed)
    assert len(changed) == len(compiled.executors(documents))
    used = {step: container["image"] for step, container in compiled.executors(documents).items()}
    assert used.pop("pull") == chosen["asl-data"]
    assert set(used.values()) == {chosen["asl-train"]}


def test_an_input_is_filled_in_for_its_step_alone(documents: compiled.Documents) -> None:
    before = copy.deepcopy(documents)
    compiled.set_inputs(documents, {"train": {"code_version": "0a1b"}})
    ((where, values),) = differences(before, documents).items()
    assert values == ("", "0a1b")
    assert "/train/" in where


def test_an_input_that_is_no_constant_cannot_be_filled_in(documents: compiled.Documents) -> None:
    with pytest.raises(KeyError):
        compiled.set_inputs(documents, {"train": {"seed": "3"}})


def test_without_retries_the_same_graph_runs(documents: compiled.Documents) -> None:
    before = copy.deepcopy(documents)
    compiled.drop_retries(documents)
    assert {where.rpartition("/")[2] for where in differences(before, documents)} == {"retryPolicy"}
    assert not [name for name, task in compiled.tasks(documents).items() if "retryPolicy" in task]


def test_without_caching_no_step_comes_from_the_cache(documents: compiled.Documents) -> None:
    before = copy.deepcopy(documents)
    compiled.drop_caching(documents)
    assert {where.rpartition("/")[2] for where in differences(before, documents)} == {"enableCache"}
    assert not [name for name, task in compiled.tasks(documents).items() if task.get("cachingOptions")]
