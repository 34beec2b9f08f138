"""Every verb, with the settings that it reads."""

from asl_pkg.commands.help import Verb
from asl_pkg.commands.machine import doctor, mlflow
from asl_pkg.commands.pipeline import compile, demo, run, schedule, submit  # noqa: A004
from asl_pkg.commands.serving import infer, key, monitor, serve, verify
from asl_pkg.commands.steps import deploy, export, pull, track, train, validate
from asl_pkg.config.schema import InferenceSettings, PipelineSettings, Settings, TrainSettings

IN_FORM = (
    "seed", "data", "model", "trainer", "checkpoint_uri", "export", "validate", "store", "deploy", "pod",
)  # fmt: skip
ON_KUBEFLOW = (*IN_FORM, "cache", "kfp")

VERBS: dict[str, Verb] = {
    "pull": Verb(pull, Settings, ("seed", "data", "dataset_dir", "to")),
    "data track": Verb(track, Settings, ("dataset_dir",), "[PATH …]"),
    "train": Verb(
        train, TrainSettings, ("seed", "data", "dataset_dir", "training_dir", "checkpoint_uri", "model", "trainer")
    ),
    "export": Verb(export, Settings, ("checkpoint_path", "bundle_dir", "dataset_dir", "export")),
    "validate": Verb(
        validate, Settings, ("seed", "data", "dataset_dir", "bundle_dir", "checkpoint_path", "report_dir", "validate")
    ),
    "deploy": Verb(
        deploy, Settings, ("bundle_dir", "report_dir", "store", "deploy"), "[--rollback | --list | --dry-run -o yaml]"
    ),
    "serve": Verb(
        serve,
        InferenceSettings,
        ("bundle", "store", "engine", "host", "http_port", "grpc_port", "metrics_port"),
        "[BUNDLE]",
    ),
    "infer": Verb(
        infer,
        InferenceSettings,
        (
            "image_path", "runtime", "bundle", "store", "onnx_path", "checkpoint_path",
            "url", "confidence_threshold", "img_size", "output",
        ),
        "[PICTURE …]",
    ),
    "monitor": Verb(
        monitor, InferenceSettings, ("bundle", "store", "monitor_dir", "monitor"), "[PICTURE … | FILE.jsonl]"
    ),
    "verify": Verb(verify, Settings, ("bundle_dir",), "[BUNDLE …]"),
    "key": Verb(key, takes="[FOLDER]"),
    "pipeline run": Verb(
        run,
        PipelineSettings,
        (
            "seed", "data", "model", "trainer", "checkpoint_uri", "export", "validate", "store", "deploy", "runner",
            "cache", "pod",
        ),
    ),
    "pipeline submit": Verb(submit, PipelineSettings, ON_KUBEFLOW),
    "pipeline schedule": Verb(schedule, PipelineSettings, ON_KUBEFLOW),
    "pipeline compile": Verb(compile, PipelineSettings, IN_FORM, "[FILE]"),
    "mlflow": Verb(mlflow),
    "doctor": Verb(doctor),
    "demo": Verb(demo, TrainSettings, ("seed", "data", "model", "trainer", "export", "validate", "store")),
}  # fmt: skip
