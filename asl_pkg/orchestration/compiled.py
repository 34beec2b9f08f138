"""The compiled pipeline as data, and what a run changes in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Documents: TypeAlias = list[dict[str, Any]]  # the pipeline, and its Kubernetes part


def read_compiled(path: Path) -> Documents:
    """Read a compiled pipeline.

    Args:
        path: The YAML file.

    Returns:
        Its documents.
    """
    return list(yaml.load_all(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def to_yaml(documents: Documents) -> str:
    """Write a compiled pipeline as text."""
    return yaml.safe_dump_all(documents, sort_keys=True)


def tasks(documents: Documents) -> dict[str, dict[str, Any]]:
    """Find every task, including those in conditions and exit handlers.

    Args:
        documents: The compiled pipeline.

    Returns:
        Tasks by name; changing a task changes the pipeline.
    """
    graph = documents[0]
    groups = [component["dag"] for component in (graph["root"], *graph["components"].values()) if "dag" in component]
    return {name: task for group in groups for name, task in group["tasks"].items()}


def executors(documents: Documents) -> dict[str, dict[str, Any]]:
    """Find the container of every step, by step name."""
    found = documents[0]["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor["container"] for name, executor in found.items()}


def set_inputs(documents: Documents, inputs: Mapping[str, Mapping[str, str]]) -> None:
    """Set constant inputs of steps.

    Args:
        documents: The compiled pipeline, changed in place.
        inputs: Values by step and name.
    """
    found = tasks(documents)
    for step, values in inputs.items():
        for name, value in values.items():
            found[step]["inputs"]["parameters"][name]["runtimeValue"]["constant"] = value


def set_defaults(documents: Documents, arguments: Mapping[str, Any]) -> None:
    """Set the defaults that the form shows.

    Args:
        documents: The compiled pipeline, changed in place.
        arguments: Values by parameter.
    """
    for name, value in arguments.items():
        documents[0]["root"]["inputDefinitions"]["parameters"][name]["defaultValue"] = value


def set_images(documents: Documents, images: Mapping[str, str]) -> None:
    """Set the container images.

    Args:
        documents: The compiled pipeline, changed in place.
        images: Full references by image name, such as `asl-train`.
    """
    for container in executors(documents).values():
        name = container["image"].rpartition("/")[2].partition(":")[0]
        container["image"] = images[name]


def set_accelerator(documents: Documents, kind: str) -> None:
    """Set the accelerator resource of train.

    Args:
        documents: The compiled pipeline, changed in place.
        kind: Resource name, such as nvidia.com/gpu.
    """
    executors(documents)["train"]["resources"]["accelerator"] |= {"resourceType": kind, "type": kind}


def drop_retries(documents: Documents) -> None:
    """Remove retries: on this machine a failed step would only fail again."""
    for task in tasks(documents).values():
        task.pop("retryPolicy", None)


def drop_caching(documents: Documents) -> None:
    """Disable caching of every step. The client's own option does not reach steps in groups."""
    for task in tasks(documents).values():
        if "cachingOptions" in task:
            task["cachingOptions"] = {}
