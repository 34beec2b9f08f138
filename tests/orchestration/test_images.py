"""Images: named by their content, small to read, nothing in them but what a lock file pins, no root."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from asl_pkg import contract
from asl_pkg.config.schema import PodSettings
from asl_pkg.orchestration import images
from tests.conftest import PROJECT

DOCKERFILES = sorted((PROJECT / "images").glob("*/Dockerfile"))
PINNED = re.compile(r"^([a-z0-9._-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what images are built from."""
    for folder in ("asl_pkg", "images"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(images, "PROJECT", tmp_path)
    return tmp_path


def test_a_tag_changes_with_what_the_image_holds_and_with_nothing_else(project: Path) -> None:
    before = {name: images.content_tag(name) for name in images.image_names()}
    with (project / "asl_pkg" / "train.py").open("a") as file:
        file.write("# another line\n")
    assert {name for name in before if images.content_tag(name) != before[name]} == {"data", "train", "transformer"}


def test_another_lock_file_of_torch_makes_another_image_of_train_alone(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: images.content_tag(name) for name in images.image_names()}
    monkeypatch.setenv("TORCH_REQUIREMENTS", "images/requirements/local.txt")
    assert {name for name in before if images.content_tag(name) != before[name]} == {"train"}


def test_a_reference_names_registry_image_and_tag() -> None:
    assert images.image_reference("data", "0a1b") == "asl-data:0a1b"
    assert images.image_reference("data", "0a1b", "localhost:5001/") == "localhost:5001/asl-data:0a1b"


def test_an_image_that_a_setting_names_is_taken_as_it_is() -> None:
    chosen = images.step_images(PodSettings(data_image="registry.example.com/mine:3"))
    assert chosen == {
        "asl-data": "registry.example.com/mine:3",
        "asl-train": f"asl-train:{images.content_tag('train')}",
    }


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_a_dockerfile_is_short_and_its_image_runs_as_a_numeric_user_other_than_root(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    assert len(text.splitlines()) <= 30
    last_stage = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*(:[1-9]\d*)?$", last_stage, re.MULTILINE)
    assert "latest" not in text
    assert "pip" not in last_stage


@pytest.mark.parametrize("name", ["data", "train", "kfp", "transformer", "mlflow"])
def test_an_image_has_the_versions_that_are_tested_here(name: str) -> None:
    folder = PROJECT / "images" / "requirements"
    ours, tested = (dict(PINNED.findall((folder / f"{lock}.txt").read_text())) for lock in (name, "local"))
    assert {package: version for package, version in ours.items() if tested.get(package, version) != version} == {}


def test_the_image_of_pull_has_no_torch_and_kfp_comes_without_its_dependencies() -> None:
    locks = {
        name: dict(PINNED.findall((PROJECT / "images" / "requirements" / f"{name}.txt").read_text()))
        for name in ("data", "train", "kfp")
    }
    assert "torch" not in locks["data"]
    assert "dvc" in locks["data"]
    assert {"torch", "kubernetes", "boto3"} <= locks["train"].keys()
    assert locks["kfp"].keys() == {"kfp"}


def test_the_release_that_the_pipeline_and_the_manifests_ask_for_is_the_projects_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["version"] == contract.IMAGE_VERSION
    for overlay in ("overlays/kind", "third-party/mlflow"):
        wanted = yaml.safe_load((PROJECT / "manifests" / overlay / "kustomization.yaml").read_text())["images"]
        ours = {image["newTag"] for image in wanted if "/asl-" in image["newName"]}
        assert ours == {contract.IMAGE_VERSION}, overlay
    runtime = (PROJECT / "manifests" / "components" / "trainer" / "training-runtime.yaml").read_text()
    assert f"image: {contract.TRAIN_IMAGE}:{contract.IMAGE_VERSION} " in runtime
    services = yaml.safe_load((PROJECT / "images" / "compose.yaml").read_text())["services"]
    assert {f"asl-{name}:{contract.IMAGE_VERSION}" for name in services} == {
        service["image"] for service in services.values()
    }
