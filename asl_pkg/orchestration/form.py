"""The form of a run in the Kubeflow Pipelines UI: every field with its default, and the steps by their titles there.

The UI sorts fields by name and shows no descriptions: names begin with the step that reads them, a default shows how a
value is written, and the descriptions stand in the pipeline's own.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from asl_pkg import contract
from asl_pkg.config.schema import PipelineSettings
from asl_pkg.config.text import settings_to_text

STEP_TITLES = {
    "pull": "Pull data",
    "train": "Train",
    "export": "Export to ONNX",
    "champion": "Find champion",
    "validate": "Validate",
    "deploy": "Deploy",
    "refuse": "Refuse",
    "finish": "Finish",
}
DEFAULTS = PipelineSettings()


@dataclass(frozen=True)
class PipelineParameter:
    """A parameter of the pipeline, and so a field of the form.

    Args:
        default: its value where nobody changes it.
        help: one line for people.
        setting: the one setting that it holds; empty where it is a text of several.
        further: what such a text may hold: names of settings, or prefixes such as `trainer.`.
    """

    default: Any  # a text or a number, as kfp's signature says
    help: str
    setting: str = ""
    further: tuple[str, ...] = ()


def _text(*names: str) -> str:
    """Some settings with their defaults: they show how others are written."""
    return settings_to_text(f"{name}={attrgetter(name)(DEFAULTS)}" for name in names)


PARAMETERS = {
    "data_settings": PipelineParameter(
        "",  # none that all sources have
        "Further settings of the source, as on the command line: `data.train_signers=60`; of photographs "
        "`data.test_share=0.3 data.strip_private=true`",
        further=("data.",),
    ),
    "data_source": PipelineParameter(
        DEFAULTS.data.name,
        "Images to learn from: `synthetic`, `s3://BUCKET/PREFIX`, or the `https://` address of an archive; "
        "`dvc` and `mix` need `data.path=…` in data_settings",
        setting="data",
    ),
    "deploy_settings": PipelineParameter(
        _text("deploy.name", "deploy.namespace"),
        "Further settings of the deployment: name and namespace of the InferenceService, `deploy.canary_requests=200`",
        further=("deploy.",),
    ),
    "deploy_store": PipelineParameter(
        "s3://models", "Model store, `s3://BUCKET/PREFIX`: releases are kept there and served from there", "store"
    ),
    "export_settings": PipelineParameter(
        _text("export.precision"),
        f"Settings of the ONNX model: `export.precision` is {', '.join(contract.PRECISIONS)}; `export.instances=4`",
        further=("export.",),
    ),
    "pod_cpu": PipelineParameter(
        DEFAULTS.pod.cpu, "CPU limit of each pod that pulls, trains, exports or validates", "pod.cpu"
    ),
    "pod_gpus": PipelineParameter(
        str(DEFAULTS.pod.accelerator_count),  # the backend reads a number as nothing
        "GPUs of the pod that trains; set `trainer.workers` in train_settings to as many",
        "pod.accelerator_count",
    ),
    "pod_memory": PipelineParameter(
        DEFAULTS.pod.memory, "Memory of each pod that pulls, trains, exports or validates", "pod.memory"
    ),
    "seed": PipelineParameter(DEFAULTS.seed, "Random seed of the data set and of the training", "seed"),
    "train_max_epochs": PipelineParameter(
        DEFAULTS.trainer.max_epochs,
        "Epochs at most; training stops earlier once the validation loss no longer falls",
        "trainer.max_epochs",
    ),
    "train_model": PipelineParameter(
        DEFAULTS.model.name, "Network: `baseline` (small, from scratch) or `resnet`", setting="model"
    ),
    "train_settings": PipelineParameter(
        _text("trainer.learning_rate", "trainer.workers"),
        "Further settings of network and training: `model.width=32`, `data.batch_size=64`, "
        "`checkpoint_uri=s3://BUCKET/PREFIX` to resume a training that was interrupted",
        further=("model.", "trainer.", "checkpoint_uri", "data.batch_size", "data.cache_dir", "data.cache_gb"),
    ),
    "validate_accuracy_min": PipelineParameter(
        DEFAULTS.validate.accuracy_min,
        "Gate: lower bound of the test accuracy, below which the model is not deployed",
        "validate.accuracy_min",
    ),
    "validate_settings": PipelineParameter(
        _text("validate.macro_f1_min", "validate.recall_min"),
        "Further gates, such as `validate.worst_group_min=0.6`",
        further=("validate.", "data.external"),
    ),
}
HOLDS = {setting: name for name, field in PARAMETERS.items() for setting in (field.setting, *field.further) if setting}


def parameter_of(setting: str) -> str | None:
    """Find the parameter that holds a setting.

    Args:
        setting: its name, such as `trainer.workers`.

    Returns:
        The parameter that names it, else the one that takes its prefix; None where no parameter does.
    """
    group, dot, _ = setting.partition(".")
    return HOLDS.get(setting) or HOLDS.get(group + dot)


def describe_pipeline() -> str:
    """Describe the pipeline and every parameter, in Markdown: the UI shows it on the pipeline's page."""
    head = "From images of signing hands to a validated model that serves. Fields of the form:"
    return "\n".join([head, "", *(f"- **{name}**: {parameter.help}" for name, parameter in PARAMETERS.items())])


def describe_arguments() -> str:
    """Describe the parameters as a docstring does: kfp reads it there."""
    return "\n".join(["Args:", *(f"    {name}: {parameter.help}" for name, parameter in PARAMETERS.items())])
