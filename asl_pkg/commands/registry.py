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
RUN = ("data", "data.path", "model", "trainer.max_epochs", "validate.accuracy_min", "store")  # what people change first

VERBS: dict[str, Verb] = {
    "pull": Verb(
        pull,
        Settings,
        ("seed", "data", "dataset_dir", "to"),
        common=("data", "data.path", "data.signers_csv", "data.classes", "dataset_dir", "to", "seed"),
    ),
    "data track": Verb(track, Settings, ("dataset_dir",), "[PATH …]"),
    "train": Verb(
        train,
        TrainSettings,
        ("seed", "data", "dataset_dir", "training_dir", "checkpoint_uri", "model", "trainer"),
        common=("model", "trainer.max_epochs", "trainer.learning_rate", "data.batch_size", "trainer.workers", "seed"),
    ),
    "export": Verb(
        export,
        Settings,
        ("checkpoint_path", "bundle_dir", "dataset_dir", "export"),
        common=("checkpoint_path", "bundle_dir", "export.precision", "export.confidence_threshold"),
    ),
    "validate": Verb(
        validate,
        Settings,
        ("seed", "data", "dataset_dir", "bundle_dir", "checkpoint_path", "report_dir", "validate"),
        common=("data.external", "validate.accuracy_min", "validate.recall_min", "report_dir"),
    ),
    "deploy": Verb(
        deploy,
        Settings,
        ("bundle_dir", "report_dir", "store", "deploy"),
        "[--rollback | --list | --dry-run -o yaml]",
        ("store", "deploy.namespace", "deploy.transformer_image", "deploy.canary_requests"),
    ),
    "serve": Verb(
        serve,
        InferenceSettings,
        ("bundle", "store", "engine", "host", "http_port", "grpc_port", "metrics_port", "serve"),
        "[BUNDLE]",
    ),
    "infer": Verb(
        infer,
        InferenceSettings,
        (
            "image_path", "runtime", "bundle", "store", "onnx_path", "checkpoint_path",
            "url", "confidence_threshold", "img_size", "output",
        ),
        "[IMAGE …]",
        ("runtime", "url", "bundle", "confidence_threshold", "output"),
    ),
    "monitor": Verb(
        monitor, InferenceSettings, ("bundle", "store", "monitor_dir", "monitor"), "[IMAGE … | FILE.jsonl]"
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
        common=(*RUN, "runner", "cache"),
    ),
    "pipeline submit": Verb(submit, PipelineSettings, ON_KUBEFLOW, common=(*RUN, "kfp.host", "cache")),
    "pipeline schedule": Verb(schedule, PipelineSettings, ON_KUBEFLOW, common=(*RUN, "kfp.host", "kfp.cron")),
    "pipeline compile": Verb(compile, PipelineSettings, IN_FORM, "[FILE]"),
    "mlflow": Verb(mlflow),
    "doctor": Verb(doctor),
    "demo": Verb(demo, TrainSettings, ("seed", "data", "model", "trainer", "export", "validate", "store")),
}  # fmt: skip
