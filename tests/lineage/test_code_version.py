"""A changed line reruns only the steps that reach it."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from asl_pkg.lineage import code_version
from tests.conftest import PROJECT

STEPS = ("pull", "train", "export", "validate")
Changed = Callable[[str], set[str]]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changed]:
    """Change a file of a copy of the project for a moment; the steps that have another version then."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("asl_pkg", "components", "images/requirements"):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_version, "PROJECT", copy)
        before = {step: code_version.code_version(step) for step in STEPS}

        def change(name: str) -> set[str]:
            was = (copy / name).read_bytes()
            (copy / name).write_bytes(was + b"# changed\n")
            found = {step for step in STEPS if code_version.code_version(step) != before[step]}
            (copy / name).write_bytes(was)
            return found

        yield change


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("asl_pkg/train.py", {"train"}),
        ("components/pull.py", {"pull"}),
        ("asl_pkg/data/sources/zip_archive.py", {"pull", "validate"}),
        ("asl_pkg/models/calibration.py", {"train"}),
        ("asl_pkg/validation/report.html.jinja", {"validate"}),
        ("asl_pkg/reporting/base.html.jinja", {"pull", "validate"}),
        ("asl_pkg/serving/triton/backends/onnxruntime/model.py", set(STEPS)),
        ("asl_pkg/contract.py", set(STEPS)),
        ("asl_pkg/config/schema.py", set(STEPS)),
        ("images/requirements/local.txt", set(STEPS)),
        ("asl_pkg/commands/registry.py", set()),
        *((name, set()) for name in code_version.WITHOUT_EFFECT),
        ("asl_pkg/k8s/trainjob.py", {"train"}),
    ],
)
def test_a_changed_line_makes_another_version_of_the_steps_that_reach_it(
    changed: Changed, name: str, steps: set[str]
) -> None:
    assert changed(name) == steps
