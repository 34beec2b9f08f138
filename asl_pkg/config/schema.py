"""Typed settings: default, meaning, unit and range of each. Nothing else holds their defaults."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asl_pkg import contract


def setting(
    default: Any,
    help: str,  # noqa: A002
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Declare a setting.

    Args:
        default: Value unless the command line gives another.
        help: One line for users.
        unit: Unit of the value; empty for a pure number or a name.
        low: Least value allowed.
        high: Greatest value allowed.
        choices: All values allowed, for names.
    """
    return field(default=default, metadata={"help": help, "unit": unit, "low": low, "high": high, "choices": choices})


@dataclass
class CacheSettings:
    """Where decoded images are kept."""

    cache_dir: str = setting(".cache/decoded", "Folder that caches decoded images; empty keeps them in memory", "path")
    cache_gb: float = setting(
        20.0, "Size limit of the image cache; a larger data set is decoded again in each epoch", "GB", low=0
    )


@dataclass
class SplitSettings:
    """How images are split by signer, recording or block of frames."""

    block_frames: int = setting(
        100, "Length of a block of neighbouring frames that stays in one split", "frames", low=1, high=100_000
    )
    guard_frames: int = setting(20, "Frames left out between blocks of different splits", "frames", low=0, high=10_000)
    validation_share: float = setting(
        0.15, "Share of the groups of each class for the validation split", low=0.01, high=0.5
    )
    test_share: float = setting(0.2, "Share of the groups of each class for the test split", low=0.01, high=0.5)


@dataclass
class DataSettings(CacheSettings):
    """Which images to train on, and how they are loaded."""

    name: str = setting("", "Kind of source; `data=NAME` selects it")
    batch_size: int = setting(32, "Images in a training batch", "images", low=2, high=4096)
    external: str = setting(
        "", "Folder of other people's images, one sub-folder per class, to be scored as well", "path"
    )
    classes: str = setting(
        "", "Train on these classes only, such as A,B,C; empty for every class in the source", "list"
    )


@dataclass
class SyntheticData(DataSettings):
    """Rendered images of synthetic hands."""

    name: str = setting("synthetic", "Kind of source", choices=["synthetic"])
    train_signers: int = setting(120, "Signers in the training split", "signers", low=1, high=10_000)
    validation_signers: int = setting(12, "Signers for early stopping and calibration", "signers", low=1, high=10_000)
    test_signers: int = setting(
        20, "Signers in the test split, which training never sees", "signers", low=1, high=10_000
    )
    recordings: int = setting(1, "Recordings of each letter by each signer", "recordings", low=1, high=1000)
    frames: int = setting(
        1, "Frames per recording; they are near-duplicates of one another", "frames", low=1, high=1000
    )


@dataclass
class PhotoData(SplitSettings, DataSettings):
    """Settings that every source of photographs has."""

    path: str = setting("", "Where the photographs are", "path")
    signers_csv: str = setting("", "CSV file with the columns path and signer, and optionally recording", "path")
    max_quarantined: float = setting(0.05, "Share of unreadable images above which pull fails", low=0.0, high=1.0)
    strip_private: bool = setting(False, "Remove EXIF data that reveals a place or a person; pixels stay as they are")


@dataclass
class FolderData(PhotoData):
    """A folder with one sub-folder per class: …/<CLASS>/<name><frame>.jpg."""

    name: str = setting("folder", "Kind of source", choices=["folder"])
    path: str = setting("", "The folder, at any depth above the class folders", "path")


@dataclass
class ArchiveData(PhotoData):
    """A zip or tar archive of a data=folder folder, with the same other settings."""

    name: str = setting("archive", "Kind of source", choices=["archive"])
    path: str = setting("", "The archive: .zip, .tar, .tar.gz, .tar.bz2, .tar.xz or .tar.zst", "path")


@dataclass
class HttpData(PhotoData):
    """An archive on a web server; short form: `data=https://…`."""

    name: str = setting("http", "Kind of source", choices=["http"])
    path: str = setting("", "Address of the archive: http://… or https://…", "URL")
    sha256: str = setting("", "SHA-256 of the archive; empty accepts any", "hex digits")


@dataclass
class S3Data(PhotoData):
    """A folder or archive in S3, read with the usual AWS_* variables; short form: `data=s3://…`."""

    name: str = setting("s3", "Kind of source", choices=["s3"])
    path: str = setting("", "Address of the folder or archive: s3://BUCKET/PREFIX or s3://BUCKET/ARCHIVE", "URL")


@dataclass
class DvcData(PhotoData):
    """A folder or archive tracked by DVC; files are checked against the hashes in Git."""

    name: str = setting("dvc", "Kind of source", choices=["dvc"])
    path: str = setting("", "Path that DVC tracks: data/letters or data/letters.dvc", "path in the repository")
    repository: str = setting(".", "The DVC repository: a folder or a Git URL", "path or URL")
    revision: str = setting("", "Branch, tag or commit; empty means the working tree, or the default branch of a URL")
    remote: str = setting("", "Name of the DVC remote; empty means the default remote")


@dataclass
class ParquetData(PhotoData):
    """Parquet files with the columns image and label, in our format or Hugging Face's; they are split again."""

    name: str = setting("parquet", "Kind of source", choices=["parquet"])
    path: str = setting("", "A .parquet file, or a folder of them", "path")


@dataclass
class MixData(PhotoData):
    """Several sources, each with its own signers."""

    name: str = setting("mix", "Kind of source", choices=["mix"])
    path: str = setting(
        "", "NAME=SOURCE,… where SOURCE is a folder, archive, URL, .dvc or .parquet file; or `synthetic`", "list"
    )


@dataclass
class ModelSettings:
    """The network."""

    name: str = setting("", "Kind of network; `model=NAME` selects it")


@dataclass
class BaselineModel(ModelSettings):
    """BaselineCNN: small, trained from scratch in minutes on two cores."""

    name: str = setting("baseline", "Kind of network", choices=["baseline"])
    width: int = setting(24, "Channels of the first stage; each later stage doubles them", "channels", low=4, high=512)
    dropout: float = setting(0.2, "Dropout rate before the last layer", low=0.0, high=0.9)


@dataclass
class ResNetModel(ModelSettings):
    """TransferResNet: a residual network with a new last layer."""

    name: str = setting("resnet", "Kind of network", choices=["resnet"])
    backbone: str = setting("resnet18", "Which residual network", choices=["resnet18", "resnet34", "resnet50"])
    freeze_backbone: bool = setting(False, "Train the last layer only")
    weights: str = setting("", "ImageNet weights: a .pth file, `download`, or empty to train from scratch", "path")


@dataclass
class HandModel(ModelSettings):
    """HandNetwork: pretrained networks find the hand and its landmarks; two small classifiers learn the letters."""

    name: str = setting("hand", "Kind of network", choices=["hand"])
    dropout: float = setting(0.3, "Dropout rate of the classifiers", low=0.0, high=0.9)


@dataclass
class TrainerSettings:
    """How to train."""

    max_epochs: int = setting(19, "Maximum number of epochs", "epochs", low=1, high=10_000)
    patience_epochs: int = setting(6, "Epochs without a better validation loss before training stops", "epochs", low=1)
    learning_rate: float = setting(3e-3, "Peak learning rate of the one-cycle schedule (AdamW)", low=1e-7, high=1.0)
    weight_decay: float = setting(0.02, "Weight decay of AdamW", low=0.0, high=1.0)
    label_smoothing: float = setting(0.05, "Label smoothing of the loss", low=0.0, high=0.5)
    augment: bool = setting(True, "Augment training images: position, size, tilt, light, colour, mirroring")
    accelerator: str = setting("auto", "Device to train on", choices=["auto", "cpu", "gpu"])
    workers: int = setting(
        1, "Processes of data-parallel training; each gets a part of every batch", "processes", low=1, high=1024
    )
    trainjob: bool = setting(
        False, "Run each worker in a pod of a Kubeflow TrainJob (in the pipeline on Kubernetes only)"
    )
    sync_batchnorm: bool = setting(False, "Synchronise batch statistics across workers (GPUs only)")
    progress: bool = setting(True, "Show progress")


@dataclass
class ExportSettings:
    """Precision of the ONNX graph, and what config.pbtxt tells Triton."""

    precision: str = setting(
        contract.FP32, "Precision of the graph; int8 needs the data set for calibration", choices=contract.PRECISIONS
    )
    instances: int = setting(2, "Model instances that Triton runs in parallel", "copies", low=1, high=64)
    threads: int = setting(
        1, "CPU threads per instance; more give a lower latency and a lower throughput", "threads", low=1, high=256
    )
    confidence_threshold: float = setting(
        0.5, "Confidence below which the answer is `unsure`", "probability", low=0.0, high=1.0
    )


@dataclass
class ValidateSettings:
    """Thresholds of the gates."""

    accuracy_min: float = setting(0.84, "Least test accuracy (lower bound of the interval)", low=0.0, high=1.0)
    macro_f1_min: float = setting(0.83, "Least macro F1 (lower bound of the interval)", low=0.0, high=1.0)
    recall_min: float = setting(0.47, "Least recall of the worst class", low=0.0, high=1.0)
    worst_group_min: float = setting(0.69, "Least accuracy on the worst signer", low=0.0, high=1.0)
    external_min: float = setting(
        0.1, "Least accuracy on data.external (lower bound of the interval)", low=0.0, high=1.0
    )
    calibration_error_max: float = setting(0.05, "Greatest expected calibration error (15 bins)", low=0.0, high=1.0)
    unsure_max: float = setting(0.07, "Greatest share of answers below the confidence threshold", low=0.0, high=1.0)
    champion_loss_max: float = setting(
        0.001, "Greatest accuracy lost against the serving release (lower bound of the interval)", low=0.0, high=1.0
    )
    stability_min: float = setting(
        0.92, "Least share of correct answers that survive small changes of the image", low=0.0, high=1.0
    )
    empty_scenes_min: float = setting(0.9, "Least share of empty scenes answered with `nothing`", low=0.0, high=1.0)
    noise_max: float = setting(
        0.1, "Greatest share of noise images answered confidently with a letter", low=0.0, high=1.0
    )
    independence_max: float = setting(1e-4, "Greatest change of a probability with the batch", low=0.0, high=1.0)
    parity_max: float = setting(
        1e-4, "Greatest difference of log-probabilities between ONNX Runtime and torch", low=0.0, high=1.0
    )
    agreement_min: float = setting(
        0.995, "Least share of answers on which a variant agrees with fp32", low=0.0, high=1.0
    )
    variant_loss_max: float = setting(
        0.005, "Greatest accuracy that a variant loses against fp32 (upper bound of the interval)", low=0.0, high=1.0
    )
    variant_time_max: float = setting(
        0.9, "Greatest time per image of a variant, as a multiple of fp32's", low=0.1, high=10.0
    )
    latency_max: float = setting(1.0, "Greatest time per image, as a multiple of torch's", low=0.1, high=1000.0)
    thorough: bool = setting(False, "Compare with torch on at least 5,000 images (augmented test images)")
    resamples: int = setting(1000, "Bootstrap resamples per interval", "resamples", low=100, high=100_000)


@dataclass
class DeploySettings:
    """How a release is deployed: to this machine if the store is a folder, to Kubernetes if it is s3://…."""

    name: str = setting(contract.KUBERNETES_NAME, "Name of the InferenceService", "name")
    namespace: str = setting(contract.NAMESPACE, "Kubernetes namespace of the InferenceService", "namespace")
    latency_max_ms: float = setting(
        1000.0, "Greatest latency of one image (95th percentile)", "ms", low=1.0, high=60_000.0
    )
    timeout_s: float = setting(600.0, "How long to wait for a pod to become ready", "s", low=1.0, high=86_400.0)
    transformer_image: str = setting(
        "", "Container image of the transformer, which accepts image files; empty serves pixels only", "container image"
    )
    canary_requests: int = setting(
        0,
        "Requests sent to the canary and to the serving release to compare them; 0 for no canary",
        "requests",
        low=0,
        high=1_000_000,
    )
    canary_percent: int = setting(
        50,
        "Share of HTTP traffic routed to the canary (needs component gateway; otherwise proportional to pods)",
        "%",
        1,
        99,
    )
    canary_agreement_min: float = setting(
        0.9, "Least share of requests on which canary and serving release agree", low=0.0, high=1.0
    )
    canary_slowdown_max: float = setting(
        2.0, "Greatest latency of the canary, as a multiple of the serving release's", low=1.0, high=1000.0
    )


@dataclass
class Settings:
    """Settings that the steps share."""

    seed: int = setting(7, "Random seed", low=0, high=2**31 - 1)
    data: DataSettings = field(default_factory=SyntheticData)
    dataset_dir: str = setting("data/dataset", "Folder of the data set, written by pull", "path")
    to: str = setting("", "Publish the data set to s3://BUCKET/PREFIX; empty publishes nothing", "URL")
    training_dir: str = setting("models", "Folder of checkpoints, history and metrics, written by train", "path")
    checkpoint_path: str = setting("models/checkpoints/best.ckpt", "Checkpoint that export reads", "path")
    bundle_dir: str = setting("models/bundle", "Folder of the bundle, written by export", "path")
    report_dir: str = setting("report", "Folder of the report, written by validate", "path")
    store: str = setting("models/store", "Model store: a folder, or s3://BUCKET/PREFIX for Kubernetes", "path or URL")
    export: ExportSettings = field(default_factory=ExportSettings)
    validate: ValidateSettings = field(default_factory=ValidateSettings)
    deploy: DeploySettings = field(default_factory=DeploySettings)


@dataclass
class TrainSettings(Settings):
    """The shared settings, the network and how to train it."""

    checkpoint_uri: str = setting(
        "",
        "Folder or s3://BUCKET/PREFIX from which an interrupted training resumes; empty keeps no state",
        "path or URL",
    )
    model: ModelSettings = field(default_factory=HandModel)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)


@dataclass
class PodSettings:
    """Container images and resources of the pipeline's pods on Kubernetes."""

    cpu: str = setting("2", "CPU limit of each pod that pulls, trains, exports or validates", "Kubernetes quantity")
    memory: str = setting("4Gi", "Memory of each pod that pulls, trains, exports or validates", "Kubernetes quantity")
    accelerator_type: str = setting("nvidia.com/gpu", "Resource name of the accelerators for training", "name")
    accelerator_count: int = setting(0, "Number of accelerators for training", "accelerators", low=0, high=64)
    registry: str = setting(
        "", "Registry that `make push` pushed to; empty for container images loaded into the nodes", "name"
    )
    data_image: str = setting(
        "", "Container image of pull; empty means the one built from these sources", "container image"
    )
    train_image: str = setting(
        "", "Container image of the other steps; empty means the one built from these sources", "container image"
    )


@dataclass
class KfpSettings:
    """Kubeflow Pipelines, for `asl pipeline submit` and `schedule`."""

    host: str = setting("http://127.0.0.1:8080", "Address of the Kubeflow Pipelines UI", "URL")
    namespace: str = setting("kubeflow", "Namespace of the pods", "namespace")
    service_account: str = setting("pipeline-runner", "ServiceAccount of the pods", "name")
    experiment: str = setting("asl", "Experiment that groups the runs in the UI", "name")
    cron: str = setting(
        "0 0 3 * * *", "When recurring runs start: second, minute, hour, day, month, weekday, in UTC", "cron"
    )


@dataclass
class PipelineSettings(TrainSettings):
    """The settings of training, and how the pipeline runs."""

    runner: str = setting(
        "process",
        "How to run a step on this machine: as a process or in its container image",
        choices=["process", "docker"],
    )
    cache: bool = setting(True, "Reuse cached results that are still valid")
    pod: PodSettings = field(default_factory=PodSettings)
    kfp: KfpSettings = field(default_factory=KfpSettings)


@dataclass
class MonitorSettings:
    """When new images count as drifted."""

    distance_max: float = setting(
        0.3, "Greatest distance between distributions (Kolmogorov-Smirnov: 0 equal, 1 disjoint)", low=0.0, high=1.0
    )
    letters_max: float = setting(
        0.6, "Greatest shift of the letters' frequencies; English text alone gives 0.4", low=0.0, high=1.0
    )


@dataclass
class ServeSettings:
    """The page that `asl serve` offers beside Triton, and who may ask."""

    page: bool = setting(True, "Serve the page on which a person signs to the camera (needs engine=triton)")
    page_port: int = setting(
        contract.PAGE_PORT,
        "Port of the page and of v2 for image files; the next free one if taken",
        "port",
        low=1,
        high=65535,
    )
    cors_origins: str = setting(
        "", "Origins of other pages that may ask over HTTP, such as https://example.org,…; empty for none", "list"
    )


@dataclass
class InferenceSettings:
    """Which model answers, and how."""

    image_path: str = setting(
        "", "Image, folder or glob; may be given without `image_path=`; `-` reads standard input", "path"
    )
    runtime: str = setting("onnx", "What runs the model", choices=["onnx", "torch", "triton"])
    bundle: str = setting("", "Bundle; empty means models/bundle, or the deployed release if there is none", "path")
    onnx_path: str = setting("", "An ONNX file instead of a bundle", "path")
    checkpoint_path: str = setting("models/checkpoints/best.ckpt", "Checkpoint for runtime=torch", "path")
    url: str = setting(
        f"http://127.0.0.1:{contract.HTTP_PORT}", "Server for runtime=triton: http://… or grpc://…", "URL"
    )
    confidence_threshold: float | None = setting(
        None, "Confidence below which the answer is `unsure`; null means the bundle's", "probability", low=0.0, high=1.0
    )
    img_size: int | None = setting(
        None, "Side of the square input image; only the bundle's own value is possible", "px", low=1
    )
    output: str = setting("table", "Output format", choices=["table", "json"])
    store: str = setting("models/store", "Model store that deploy writes to", "path")
    engine: str = setting("triton", "Model server of `asl serve`", choices=["triton", "kserve"])
    host: str = setting("127.0.0.1", "Address to listen on", "address")
    http_port: int = setting(
        contract.HTTP_PORT, "Port of v2 over HTTP; the next free one if taken", "port", low=1, high=65535
    )
    grpc_port: int = setting(
        contract.GRPC_PORT, "Port of v2 over gRPC; the next free one if taken", "port", low=1, high=65535
    )
    metrics_port: int = setting(
        contract.METRICS_PORT, "Port of the Prometheus metrics; the next free one if taken", "port", low=1, high=65535
    )
    serve: ServeSettings = field(default_factory=ServeSettings)
    monitor_dir: str = setting("monitor", "Folder of the drift report, written by monitor", "path")
    monitor: MonitorSettings = field(default_factory=MonitorSettings)


SCHEMAS = (Settings, TrainSettings, PipelineSettings, InferenceSettings)
SCHEMES = {"http": "http", "https": "http", "s3": "s3"}  # `data=SCHEME://…` chooses the kind of source
GROUPS: dict[str, dict[str, type]] = {
    "data": {
        "synthetic": SyntheticData,
        "folder": FolderData,
        "archive": ArchiveData,
        "http": HttpData,
        "s3": S3Data,
        "dvc": DvcData,
        "parquet": ParquetData,
        "mix": MixData,
    },
    "model": {"hand": HandModel, "baseline": BaselineModel, "resnet": ResNetModel},
}
