"""The pod of a step on Kubernetes: title, container image, limits, deadline, settings, secrets, shared memory, retries.

A run on this machine ignores them. CPU requests, retries, names of ConfigMaps and Secrets, and caching are compile-time
constants, since kfp has no parameters for them. Container images and the kind of accelerator are constants too, to keep
the form short; a submission replaces them.
"""

from typing import TypeAlias

from kfp import dsl, kubernetes
from kfp.dsl.pipeline_channel import PipelineChannel

from asl_pkg import contract
from asl_pkg.config.schema import PodSettings
from asl_pkg.orchestration.form import STEP_TITLES
from asl_pkg.orchestration.images import image_reference

# Reserved; a step uses what is free up to its limits. What runs at once fits beside the platform on a node of two cores
# and 8 GiB. KFP's launcher reserves as much CPU for each step.
CPU_REQUEST, MEMORY_REQUEST = "100m", "512Mi"
HOUR_S = 3600
# A pod whose container image cannot be pulled or that no node takes waits for ever: these end it, and so the run.
DEADLINES_S = {
    "pull": 6 * HOUR_S,
    "train": 72 * HOUR_S,
    "export": HOUR_S,
    "champion": HOUR_S // 4,
    "validate": 6 * HOUR_S,
    "deploy": 2 * HOUR_S,
    "refuse": HOUR_S // 4,
    "finish": HOUR_S // 4,
}
RUN_DEADLINE_S = 96 * HOUR_S
KEPT_S = 7 * 24 * HOUR_S  # a run that ended keeps its pods and their logs for so long
RETRIES = 2
BACKOFF_S, BACKOFF_FACTOR = 30, 2.0
RETRY_WITHIN_S = 7 * 24 * 3600  # Argo counts from the start of the first attempt; a long training must be retried too

Parameter: TypeAlias = str | PipelineChannel  # a constant, or a parameter of the pipeline


def in_pod(task: dsl.PipelineTask, cpu: Parameter = "1", memory: Parameter = "1Gi") -> dsl.PipelineTask:
    """Set the title, container image and limits of a step, and the settings and secrets of every step, if they exist.

    Args:
        task: The step.
        cpu: CPU limit, a Kubernetes quantity.
        memory: Memory limit, a Kubernetes quantity.

    Returns:
        The step.
    """
    task.set_display_name(STEP_TITLES[task.name])
    task.set_container_image(_released(task.container_spec.image))
    task.set_cpu_request(CPU_REQUEST).set_cpu_limit(cpu).set_memory_request(MEMORY_REQUEST).set_memory_limit(memory)
    _lead_in(task, cpu, memory)
    kubernetes.set_timeout(task, DEADLINES_S[task.name])
    variables = {name: name for name in contract.SETTINGS_VARIABLES}
    kubernetes.use_config_map_as_env(task, contract.SETTINGS_CONFIG_MAP, variables, optional=True)
    keys = {name: name for name in contract.S3_VARIABLES}
    kubernetes.use_secret_as_env(task, contract.S3_SECRET, keys, optional=True)
    kubernetes.use_config_map_as_volume(task, contract.PUBLIC_KEY_CONFIG_MAP, contract.PUBLIC_KEY_FOLDER, optional=True)
    return kubernetes.empty_dir_mount(task, "shared-memory", "/dev/shm", medium="Memory")  # noqa: S108


def with_accelerators(task: dsl.PipelineTask, count: Parameter) -> dsl.PipelineTask:
    """Give a step accelerators.

    Args:
        task: The step.
        count: Number of accelerators, a string because the backend ignores a number; 0 for none.

    Returns:
        The step.
    """
    task.set_accelerator_type(PodSettings().accelerator_type).set_accelerator_limit(count)
    return _lead_in(task, count)


def tried_again(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Start a step again, after a pause, whose pod was deleted, evicted or lost.

    A process that ended with another exit code than SIGTERM's is not started again: the steps themselves outlast a
    server that is away for a while. Argo's policy is set by `make kfp`; as Kubeflow Pipelines installs it (`OnError`),
    it starts none again whose process had time to end.
    """
    return task.set_retry(RETRIES, f"{BACKOFF_S}s", BACKOFF_FACTOR, f"{RETRY_WITHIN_S}s")


def with_deployers_token(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Let a step act as the deployer account, which may change the InferenceServices."""
    return kubernetes.use_secret_as_volume(task, contract.DEPLOYER_TOKEN, contract.DEPLOYER_FOLDER, optional=True)


def with_signing_key(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Give a step the signing key."""
    return kubernetes.use_secret_as_volume(
        task, contract.SIGNING_KEY_SECRET, contract.SIGNING_KEY_FOLDER, optional=True
    )


def _lead_in(task: dsl.PipelineTask, *parameters: Parameter) -> dsl.PipelineTask:
    """Pass parameters into groups such as the exit handler; kfp 2.17.0 does not for those used in limits only."""
    task.register_pipeline_channels([channel for channel in parameters if isinstance(channel, PipelineChannel)])
    return task


def _released(image: str) -> str:
    """The container image of this release in the registry of `make kind-up`, for runs from the UI."""
    return image_reference(image.removeprefix("asl-"), contract.IMAGE_VERSION, contract.KIND_REGISTRY)
