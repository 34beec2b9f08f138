"""The compiled pipeline as data: what a run fills in or leaves out before kfp takes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Documents: TypeAlias = list[dict[str, Any]]  # the pipeline, and what is Kubernetes' alone


def read_compiled(path: Path) -> Documents:
    """Read a compiled pipeline.

    Args:
        path: of the YAML file.

    Returns:
        Its documents.
    """
    return list(yaml.load_all(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def to_yaml(documents: Documents) -> str:
    """Write a compiled pipeline as text."""
    return yaml.safe_dump_all(documents, sort_keys=True)


def tasks(documents: Documents) -> dict[str, dict[str, Any]]:
    """Find every task, those of groups such as conditions and exit handlers too.

    Args:
        documents: of the compiled pipeline.

    Returns:
        Its tasks by name; to change one changes the pipeline.
    """
    graph = documents[0]
    groups = [component["dag"] for component in (graph["root"], *graph["components"].values()) if "dag" in component]
    return {name: task for group in groups for name, task in group["tasks"].items()}


def executors(documents: Documents) -> dict[str, dict[str, Any]]:
    """Find the container of every step, by the step's name."""
    found = documents[0]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor["container"] for name, executor in found.items()}


def set_inputs(documents: Documents, inputs: Mapping[str, Mapping[str, str]]) -> None:
    """Fill in constants that steps get.

    Args:
        documents: of the compiled pipeline, changed in place.
        inputs: values by step and by name.
    """
    found = tasks(documents)
    for step, values in inputs.items():
        for name, value in values.items():
            found[step]["inputs"]["parameters"][name]["runtimeValue"]["constant"] = value


def set_defaults(documents: Documents, arguments: Mapping[str, Any]) -> None:
    """Fill in what the form shows.

    Args:
        documents: of the compiled pipeline, changed in place.
        arguments: values by parameter.
    """
    for name, value in arguments.items():
        documents[0]["root"]["inputDefinitions"]["parameters"][name]["defaultValue"] = value


def set_images(documents: Documents, images: Mapping[str, str]) -> None:
    """Fill in the container images.

    Args:
        documents: of the compiled pipeline, changed in place.
        images: whole references by the image's own name, such as `asl-train`.
    """
    for container in executors(documents).values():
        name = container["image"].rpartition("/")[2].partition(":")[0]
        container["image"] = images[name]


def set_accelerator(documents: Documents, kind: str) -> None:
    """Fill in what kind of accelerator train gets.

    Args:
        documents: of the compiled pipeline, changed in place.
        kind: resource, such as nvidia.com/gpu.
    """
    executors(documents)["train"]["resources"]["accelerator"] |= {"resourceType": kind, "type": kind}


def drop_retries(documents: Documents) -> None:
    """Let no step be tried again: on this machine a step that failed would only fail again."""
    for task in tasks(documents).values():
        task.pop("retryPolicy", None)


def drop_caching(documents: Documents) -> None:
    """Let no step be taken from the cache. The client's own option reaches no step inside a group."""
    for task in tasks(documents).values():
        if "cachingOptions" in task:
            task["cachingOptions"] = {}
