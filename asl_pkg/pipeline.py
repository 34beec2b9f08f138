"""The verb pipeline: compile the steps, or run the compiled pipeline on this machine."""

import hashlib
import os
import re
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asl_pkg.config import DataSettings, DvcData, FolderData, HttpData, SyntheticData, TrainSettings
from asl_pkg.errors import AslError, SettingError
from asl_pkg.run_log import shown
from asl_pkg.settings import load

PROJECT = Path(__file__).parent.parent
COMPILED = PROJECT / "pipelines" / "asl.yaml"
LOG_FILE = "log.txt"
STEPS = {"dataset": "pull", "training": "train", "bundle": "export", "report": "validate"}

# Which parameter of the pipeline takes a setting: an exact name, else the longest prefix.
PARAMETERS = {
    "data": "data",
    "seed": "seed",
    "model": "model",
    "trainer.max_epochs": "max_epochs",
    "store": "model_store",
    "data.": "data_settings",
    "data.batch_size": "train_settings",
    "data.cache_dir": "train_settings",
    "data.cache_gb": "train_settings",
    "data.external": "validate_settings",
    "model.": "train_settings",
    "trainer.": "train_settings",
    "export.": "export_settings",
    "validate.": "validate_settings",
    "deploy.": "deploy_settings",
}


def compile_pipeline(path: Path) -> Path:
    """Write the compiled pipeline.

    Args:
        path: of the YAML file.

    Returns:
        The path.
    """
    from pipelines.asl import compile_to

    path.parent.mkdir(parents=True, exist_ok=True)
    compile_to(str(path))
    return path


def run(overrides: Sequence[str], run_dir: Path) -> dict[str, Path]:
    """Run the compiled pipeline here: every step a process, results that are still right taken from the cache.

    Args:
        overrides: settings of TrainSettings, as on the command line.
        run_dir: gets one entry a step.

    Returns:
        Where each step's result lies: pull, train, export, validate.

    Raises:
        SettingError: a setting is wrong, or has no parameter in the pipeline.
        AslError: a step failed.
    """
    settings = load(TrainSettings, overrides)
    arguments = parameters(overrides)
    arguments["model_store"] = settings.store if "://" in settings.store else str(Path(settings.store).resolve())
    arguments["code_version"] = code_version()
    arguments["data_version"] = source_version(settings.data)
    outputs = _run_locally(arguments, run_dir)
    results = {}
    for output, step in STEPS.items():
        results[step] = run_dir / step
        results[step].unlink(missing_ok=True)
        results[step].symlink_to(os.path.relpath(outputs[output].path, run_dir))
    return results


def parameters(overrides: Sequence[str]) -> dict[str, Any]:
    """The pipeline's parameters for settings of the command line.

    Args:
        overrides: `name=value`, already checked.

    Returns:
        A value for each parameter that a setting touches.

    Raises:
        SettingError: a setting says where one machine keeps things, which the pipeline decides itself.
    """
    arguments: dict[str, Any] = {}
    for override in overrides:
        name, _, value = override.partition("=")
        prefix = name.partition(".")[0] + "."
        parameter = PARAMETERS.get(name) or (PARAMETERS.get(prefix) if "." in name else None)
        if parameter is None:
            raise SettingError(f"{name} is decided by the pipeline: its results lie in runs/<name>/<step>")
        if parameter.endswith("_settings"):
            arguments.setdefault(parameter, []).append(override)
        else:
            arguments[parameter] = int(value) if parameter in ("seed", "max_epochs") else value
    return arguments


def code_version() -> str:
    """SHA-256 over the code and the locked packages: part of every step's cache key."""
    digest = hashlib.sha256()
    sources = [path for folder in ("asl_pkg", "components") for path in (PROJECT / folder).rglob("*")]
    sources += (PROJECT / "images" / "requirements").glob("*.txt")
    for path in sorted(sources):
        if path.suffix in {".py", ".yaml", ".jinja", ".txt"} and path.is_file():
            digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def source_version(data: DataSettings) -> str:
    """Name the state of a source, so that one that may have changed is pulled anew.

    Args:
        data: the settings of the source.

    Returns:
        The digest or commit that the settings demand; of a local source a digest over names, sizes and times; of
        anything else a new name each time.
    """
    match data:
        case SyntheticData():
            return ""
        case HttpData(sha256=digest) if digest:
            return digest
        case DvcData(revision=commit) if re.fullmatch(r"[0-9a-f]{40}", commit):
            return commit
        case FolderData(name="folder" | "archive" | "parquet", path=path, signers_csv=table):
            return _listing(*(Path(one) for one in (path, table) if one))
    return uuid.uuid4().hex


def _listing(*roots: Path) -> str:
    digest = hashlib.sha256()
    for one in sorted(path for root in roots for path in [root, *root.rglob("*")] if path.is_file()):
        status = one.stat()
        digest.update(f"{one}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _run_locally(arguments: dict[str, Any], run_dir: Path) -> dict[str, Any]:
    """The outputs of the compiled pipeline."""
    # kfp warns that our images are not named "python", and about its own deprecations: nothing a user can mend.
    warnings.simplefilter("ignore")
    from kfp import components, local

    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(run_dir),
        enable_caching=True,
        cache_root=str(run_dir / ".cache"),
    )
    with shown(run_dir / LOG_FILE) as log:
        try:
            task = components.load_component_from_file(str(COMPILED))(**arguments)
        except RuntimeError as error:
            raise AslError(f"{log.error or error} (everything that the run said: {log.path})") from error
    return dict(task.outputs)
