"""The verb pipeline: compile the steps, or run the compiled pipeline on this machine."""

import hashlib
import json
import os
import re
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from asl_pkg import urls
from asl_pkg.bundle import signature
from asl_pkg.config.load import former_default, load, with_homes
from asl_pkg.config.schema import (
    ArchiveData,
    DataSettings,
    DvcData,
    FolderData,
    HttpData,
    ParquetData,
    PipelineSettings,
    SyntheticData,
)
from asl_pkg.config.text import settings_to_text
from asl_pkg.errors import AslError, SettingError
from asl_pkg.lineage.code_version import PROJECT, code_version
from asl_pkg.orchestration import compiled, form
from asl_pkg.orchestration.images import step_images
from asl_pkg.orchestration.local_log import RunLog, run_log
from asl_pkg.storage import outputs

COMPILED = PROJECT / "pipelines" / "asl.yaml"
COMPILED_HEAD = "# PIPELINE DEFINITION\n# Name: asl\n"
LOG_FILE = "log.txt"
CACHE_FOLDER = ".cache"
KEY = re.compile(r"[0-9a-f]{64}")  # name of a result in kfp's cache
STEPS = {"dataset": "pull", "training": "train", "bundle": "export", "report": "validate"}  # step by output

HOW = {"runner", "cache", "kfp.", "pod."}  # settings of the run itself; they need no parameter
LOCATIONS = ("store", "checkpoint_uri")


def compile_pipeline(path: Path, overrides: Sequence[str] = ()) -> Path:
    """Write the compiled pipeline.

    Args:
        path: The YAML file.
        overrides: Settings that become defaults of the form and choose the container images; without any, the images
            are this release's, in the registry of `make kind-up`.

    Returns:
        The path.

    Raises:
        SettingError: A setting is wrong or has no parameter in the pipeline, or the file is not ours.
    """
    from pipelines.asl import compile_to

    pod, arguments = load(PipelineSettings, overrides).pod, parameters(overrides)
    if secret := [override.partition("=")[0] for override in overrides if urls.is_secret(override)]:
        raise SettingError(
            f"{secret[0]} holds a password or token that everybody who sees the pipeline could read: leave it out"
        )
    outputs.claim_file(path, "asl pipeline compile FILE", _is_compiled)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent, ignore_cleanup_errors=True) as beside:
        compile_to(str(Path(beside, path.name)))
        if overrides:
            documents = compiled.read_compiled(Path(beside, path.name))
            compiled.set_defaults(documents, arguments)
            compiled.set_images(documents, step_images(pod))
            compiled.set_accelerator(documents, pod.accelerator_type)
            Path(beside, path.name).write_text(COMPILED_HEAD + compiled.to_yaml(documents), encoding="utf-8")
        Path(beside, path.name).replace(path)
    return path


def _is_compiled(path: Path) -> bool:
    with path.open(errors="replace") as file:
        return file.read(len(COMPILED_HEAD)) == COMPILED_HEAD


def run(overrides: Sequence[str], run_dir: Path) -> dict[str, Path]:
    """Run the compiled pipeline here, each step as a process or a container; valid results come from the cache.

    Args:
        overrides: Settings of PipelineSettings, as on the command line.
        run_dir: Folder for the results, one entry per step.

    Returns:
        Path of the result of pull, train, export and validate; a failed run leaves what it has there too.

    Raises:
        SettingError: A setting is wrong, or has no parameter in the pipeline.
        AslError: A step failed.
    """
    overrides = with_homes(PipelineSettings, overrides)
    settings = load(PipelineSettings, overrides)
    urls.remember(override.partition("=")[2] for override in overrides)
    overrides = [urls.public(override) if urls.is_secret(override) else override for override in overrides]
    if settings.trainer.trainjob:
        raise SettingError("trainer.trainjob=true is for `asl pipeline submit`: use trainer.workers=N on this machine")
    arguments = parameters([_absolute(override) for override in (f"store={settings.store}", *overrides)])
    documents = prepare_pipeline(settings, signature.signer())
    compiled.drop_retries(documents)
    outputs.claim(run_dir, outputs.RUN)
    if blocked := [step for step in STEPS.values() if (run_dir / step).exists() and not (run_dir / step).is_symlink()]:
        raise SettingError(f"{run_dir / blocked[0]} was not written by asl, and its path is needed: move it away")
    if not settings.cache:
        _forget(run_dir / CACHE_FOLDER)
    outputs.mark(run_dir, outputs.RUN)
    with run_log(run_dir / LOG_FILE) as log:
        try:
            with _runner(settings, overrides, documents) as runner:
                _run_locally(compiled.to_yaml(documents), runner, arguments, run_dir)
            if log.error:  # if a container is removed before kfp reads its exit code, kfp reports success
                raise RuntimeError(log.error)
        except RuntimeError as error:
            raise AslError(f"{log.error or error} (full log: {log.path})") from error
        finally:
            results = _link(log, run_dir)
    return results


def _forget(cache: Path) -> None:
    """Remove the entries of kfp's cache; other files stay."""
    for path in cache.glob("*.json"):
        if KEY.fullmatch(path.stem):
            path.unlink()


def _absolute(override: str) -> str:
    """Make the path in a setting absolute, for the steps; a URL or another setting stays as it is."""
    name, _, value = override.partition("=")
    return f"{name}={Path(value).resolve()}" if name in LOCATIONS and value and "://" not in value else override


def prepare_pipeline(settings: PipelineSettings, signer: str = "") -> compiled.Documents:
    """Set the inputs of steps that are not in the form: those of the cache keys, and the accelerator.

    Args:
        settings: Settings of the run.
        signer: Digest of the signer's public key.

    Returns:
        The compiled pipeline, with the container images of the release.
    """
    documents = compiled.read_compiled(COMPILED)
    inputs = {step: {"code_version": code_version(step)} for step in STEPS.values()}
    inputs["pull"]["data_version"] = source_version(settings.data)
    inputs["export"]["signer"] = inputs["validate"]["signer"] = signer
    compiled.set_inputs(documents, inputs)
    compiled.set_accelerator(documents, settings.pod.accelerator_type)
    return documents


def parameters(overrides: Sequence[str]) -> dict[str, Any]:
    """Convert settings of the command line to parameters of the pipeline.

    Args:
        overrides: `name=value`, already checked.

    Returns:
        Values by parameter, for those with a setting.

    Raises:
        SettingError: A setting is a path that the pipeline chooses itself.
    """
    arguments: dict[str, Any] = {}
    texts: dict[str, dict[str, str]] = {}  # the last value of a setting wins
    for override in [*former_default(overrides), *overrides]:
        name, _, value = override.partition("=")
        parameter = form.parameter_of(name)
        if parameter is None:
            if name in HOW or name.partition(".")[0] + "." in HOW:
                continue
            raise SettingError(f"{name} is chosen by the pipeline: results are in runs/<name>/<step>")
        if form.PARAMETERS[parameter].setting:
            arguments[parameter] = type(form.PARAMETERS[parameter].default)(value)
        else:
            texts.setdefault(parameter, {})[name] = override
    return arguments | {name: settings_to_text(chosen.values()) for name, chosen in texts.items()}


def source_version(data: DataSettings) -> str:
    """Name the state of a source; pull runs again when it changes.

    Args:
        data: Settings of the source.

    Returns:
        The digest or commit in the settings; for a local source, a digest over names, sizes and times; for any other
        source, a new name each time.
    """
    match data:
        case SyntheticData():
            return ""
        case HttpData(sha256=digest) if digest:
            return digest
        case DvcData(revision=commit) if re.fullmatch(r"[0-9a-f]{40}", commit):
            return commit
        case FolderData() | ArchiveData() | ParquetData():
            return _listing(*(Path(path) for path in (data.path, data.signers_csv) if path))
    return uuid.uuid4().hex


def _listing(*roots: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for root in roots for path in [root, *root.rglob("*")] if path.is_file()):
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def _runner(settings: PipelineSettings, overrides: Sequence[str], documents: compiled.Documents) -> Iterator[Any]:
    """Give kfp's runner; for containers, set the container images of the settings."""
    # kfp warns about the names of our images and its own deprecations: users cannot fix either.
    warnings.simplefilter("ignore")
    from kfp import local

    if settings.runner == "process":
        yield local.SubprocessRunner(use_venv=False)
        return
    from asl_pkg.orchestration import docker_runner

    images = step_images(settings.pod)
    compiled.set_images(documents, images)
    with docker_runner.runner(images.values(), overrides, settings.store) as runner:
        yield runner


def _run_locally(text: str, runner: Any, arguments: dict[str, Any], run_dir: Path) -> None:
    from kfp import components, local

    local.init(runner, pipeline_root=str(run_dir), enable_caching=True, cache_root=str(run_dir / CACHE_FOLDER))
    components.load_component_from_text(text)(**arguments)


def _link(log: RunLog, run_dir: Path) -> dict[str, Path]:
    """Link the results of finished steps; kfp's cache has their paths, the newest last."""
    entries = sorted((run_dir / CACHE_FOLDER).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    results = {}
    for output, step in STEPS.items():
        if step in log.done:
            found = (json.loads(path.read_text()) for path in entries if path.name.startswith(log.done[step]))
            made = [outputs[output]["uri"] for outputs in found if output in outputs]
            results[step] = run_dir / step
            results[step].unlink(missing_ok=True)
            results[step].symlink_to(os.path.relpath(made[-1], run_dir))
    return results
