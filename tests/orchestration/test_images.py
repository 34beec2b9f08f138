"""Container images: tagged by content, packages pinned by lock files, no root user."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from docker.utils.build import exclude_paths

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
    shutil.copy(PROJECT / ".dockerignore", tmp_path)
    monkeypatch.setattr(images, "PROJECT", tmp_path)
    return tmp_path


def test_a_tag_changes_with_what_the_image_holds_and_with_nothing_else(project: Path) -> None:
    before = {name: images.content_tag(name) for name in images.image_names()}
    with (project / "asl_pkg" / "train.py").open("a") as file:
        file.write("# another line\n")
    assert {name for name in before if images.content_tag(name) != before[name]} == {"data", "train", "transformer"}


def test_the_caches_that_using_the_product_leaves_change_no_tag(project: Path) -> None:
    before = {name: images.content_tag(name) for name in images.image_names()}
    cache = project / "asl_pkg" / "data" / "hands" / "__pycache__"
    cache.mkdir()
    for name in ("render.cpython-311.pyc", "render.draw-12.py311.nbi", "render.draw-12.py311.1.nbc"):
        (cache / name).write_bytes(b"compiled")
    assert {name: images.content_tag(name) for name in images.image_names()} == before


def test_a_tag_reads_exactly_the_files_of_the_build_context(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asl_pkg/__pycache__/a.nbi", "asl_pkg/notes.txt", "images/requirements/notes.md", "images/notes.txt"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("new")
    (project / "images" / "all").mkdir()
    (project / "images" / "all" / "Dockerfile").write_text("FROM scratch\nCOPY asl_pkg images /\n")
    read: list[str] = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(str(path.relative_to(project))) or b"")
    images.content_tag("all")
    context = exclude_paths(str(project), (project / ".dockerignore").read_text().splitlines())
    files = {name for name in context if (project / name).is_file()}
    assert sorted(read) == sorted(files - {".dockerignore"})  # which a client sends for the builder alone


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


def test_the_transformers_image_has_the_alphabet_chart_and_not_what_draws_it() -> None:
    folder = PROJECT / "images"
    last_stage = (folder / "transformer/Dockerfile").read_text().rpartition("\nFROM ")[2]
    (chart,) = re.findall(r"^COPY --from=chart \S+ (\S+)$", last_stage, re.MULTILINE)
    assert f'"asl_pkg.serving.transformer", "--chart", "{chart}"]' in last_stage
    assert "numba" not in dict(PINNED.findall((folder / "requirements/transformer.txt").read_text()))


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


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('[ "$1" = --version ] && echo "Docker version 28.1.1, build 1"; [ "$1" = info ]', "buildx"),
        ("exit 1", "daemon"),
        ("", "not installed"),
    ],
)
def test_a_build_with_a_stand_in_for_docker_that_cannot_build_ends_in_a_line_that_says_what_is_missing(
    tmp_path: Path, script: str, said: str
) -> None:
    if script:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)
    command = [sys.executable, str(PROJECT / "images" / "build"), "data"]
    ended = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
