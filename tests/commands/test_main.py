"""The command line as a user sees it: output, exit codes, one-line errors."""

import subprocess
import sys

import pytest

from asl_pkg import contract
from asl_pkg.commands.help import verb_help
from asl_pkg.commands.registry import VERBS
from asl_pkg.config.load import walk
from tests.conftest import Asl


def test_help_lists_every_verb_with_a_line(asl: Asl) -> None:
    answer = asl("--help")
    assert answer.returncode == 0
    assert all(f"  {name} " in answer.stdout for name in VERBS)


def test_version_is_the_one_of_the_project_and_its_images(asl: Asl) -> None:
    answer = asl("--version")
    assert (answer.returncode, answer.stdout) == (0, f"asl {contract.IMAGE_VERSION}\n")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.replace(" ", "-"))
def test_help_of_a_verb_is_made_without_heavy_packages(verb: str) -> None:
    code = (
        "import sys; from asl_pkg import commands; sys.argv = ['asl', *sys.argv[1:], '--help']\n"
        "try: commands.main()\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'hydra', 'omegaconf', 'kfp', 'torch', 'mlflow', 'numpy', 'fire'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, *verb.split()], check=True, stdout=subprocess.DEVNULL)


def test_help_of_train_shows_unit_default_and_choices(asl: Asl) -> None:
    text = asl("train", "--help").stdout
    assert "data.batch_size=<images>" in text
    assert "[32]" in text
    assert "resnet18|resnet34|resnet50" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["trian"], 2, "did you mean 'train'", id="unknown verb"),
        pytest.param(["train", "--epochs=3"], 2, "--epochs=3", id="unknown flag"),
        pytest.param(["train", "trainer.max_epoch=3"], 1, "'trainer.max_epochs'", id="unknown setting"),
        pytest.param(["train", "trainer.max_epochs=abc"], 1, "Integer", id="wrong type"),
        pytest.param(["train", "trainer.max_epochs=0"], 1, "1 to 10,000", id="impossible value"),
        pytest.param(["train", "model=resnt"], 1, "did you mean 'resnet'", id="unknown choice"),
        pytest.param(["pipeline", "run", "dataset_dir=x"], 1, "chosen by the pipeline", id="not the pipeline's"),
        pytest.param(["infer", "runtim=onnx"], 1, "'runtime'", id="unknown setting among images"),
        pytest.param(["validate"], 1, "asl pull", id="nothing to validate yet"),
    ],
)
def test_bad_input_gets_one_line_and_its_exit_code(asl: Asl, arguments: list[str], code: int, said: str) -> None:
    answer = asl(*arguments)
    assert answer.returncode == code
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_debug_shows_the_traceback(asl: Asl) -> None:
    assert "Traceback" in asl("train", "model=resnt", "--debug").stderr


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if verb.common])
def test_the_settings_that_people_change_first_come_first_and_none_is_lost(verb: str) -> None:
    text = verb_help(verb, VERBS[verb])
    common, further = text.split("common settings:")[1].split("further settings:")
    assert 3 <= len(common.strip().splitlines()) <= 8
    for name in VERBS[verb].common:
        assert f"{name}=" in common
    shown = {line.split("=")[0].strip() for line in (common + further).splitlines() if "=<" in line}
    assert {name for name, _ in walk(VERBS[verb].schema) if name.split(".")[0] in VERBS[verb].sections} - shown <= {
        "data.name", "model.name",
    }  # fmt: skip
