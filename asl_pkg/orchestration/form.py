"""The form of a run in the Kubeflow Pipelines UI: the fields with their defaults, and the titles of the steps.

The UI sorts fields by name and shows no descriptions. So names begin with the step that reads them, a default shows
the syntax of a value, and the pipeline's description explains the fields.
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
    """A parameter of the pipeline: a field of the form.

    Args:
        default: Default value.
        help: One line for users.
        setting: The setting that it holds; empty if it is a string of several.
        further: What such a string may hold: names of settings, or prefixes such as `trainer.`.
    """

    default: Any  # a string or a number, as in kfp's signature
    help: str
    setting: str = ""
    further: tuple[str, ...] = ()


def _text(*names: str) -> str:
    """Some settings with their defaults, as an example of the syntax."""
    return settings_to_text(f"{name}={attrgetter(name)(DEFAULTS)}" for name in names)


PARAMETERS = {
    "data_settings": PipelineParameter(
        "",  # no setting is common to all sources
        "Further settings of the source, as on the command line: `data.train_signers=60`; for photographs "
        "`data.test_share=0.3 data.strip_private=true`",
        further=("data.",),
    ),
    "data_source": PipelineParameter(
        DEFAULTS.data.name,
        "Images to train on: `synthetic`, `s3://BUCKET/PREFIX`, or the `https://` address of an archive; "
        "`dvc` and `mix` need `data.path=…` in data_settings",
        setting="data",
    ),
    "deploy_settings": PipelineParameter(
        _text("deploy.name", "deploy.namespace"),
        "Further settings of the deployment: name and namespace of the InferenceService, `deploy.canary_requests=200`",
        further=("deploy.",),
    ),
    "deploy_store": PipelineParameter("s3://models", "Model store of the releases, `s3://BUCKET/PREFIX`", "store"),
    "export_settings": PipelineParameter(
        _text("export.precision"),
        f"Settings of the ONNX model: `export.precision` is {', '.join(contract.PRECISIONS)}; `export.instances=4`",
        further=("export.",),
    ),
    "pod_cpu": PipelineParameter(
        DEFAULTS.pod.cpu, "CPU limit of each pod that pulls, trains, exports or validates", "pod.cpu"
    ),
    "pod_gpus": PipelineParameter(
        str(DEFAULTS.pod.accelerator_count),  # the backend ignores a number
        "GPUs of the training pod; set `trainer.workers` in train_settings to the same number",
        "pod.accelerator_count",
    ),
    "pod_memory": PipelineParameter(
        DEFAULTS.pod.memory, "Memory of each pod that pulls, trains, exports or validates", "pod.memory"
    ),
    "seed": PipelineParameter(DEFAULTS.seed, "Random seed of the data set and of the training", "seed"),
    "train_max_epochs": PipelineParameter(
        DEFAULTS.trainer.max_epochs,
        "Maximum number of epochs; training stops earlier when the validation loss no longer falls",
        "trainer.max_epochs",
    ),
    "train_model": PipelineParameter(
        DEFAULTS.model.name,
        "Network: `hand` (reads people it never saw best), `baseline` (small, from scratch) or `resnet`",
        setting="model",
    ),
    "train_settings": PipelineParameter(
        _text("trainer.learning_rate", "trainer.workers"),
        "Further settings of network and training: `model.dropout=0.2`, `data.batch_size=64`, "
        "`checkpoint_uri=s3://BUCKET/PREFIX` to resume an interrupted training",
        further=("model.", "trainer.", "checkpoint_uri", "data.batch_size", "data.cache_dir", "data.cache_gb"),
    ),
    "validate_accuracy_min": PipelineParameter(
        DEFAULTS.validate.accuracy_min,
        "Gate: least test accuracy (lower bound of the interval); below it the model is not deployed",
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
        setting: Name of the setting, such as `trainer.workers`.

    Returns:
        The parameter for the setting or for its prefix; None if there is none.
    """
    group, dot, _ = setting.partition(".")
    return HOLDS.get(setting) or HOLDS.get(group + dot)


def describe_pipeline() -> str:
    """Describe the pipeline and its parameters in Markdown, for the pipeline's page in the UI."""
    head = "Train, validate and deploy a model that recognises letters of American Sign Language. Fields of the form:"
    return "\n".join([head, "", *(f"- **{name}**: {parameter.help}" for name, parameter in PARAMETERS.items())])


def describe_arguments() -> str:
    """Describe the parameters in a docstring section, where kfp reads them."""
    return "\n".join(["Args:", *(f"    {name}: {parameter.help}" for name, parameter in PARAMETERS.items())])
