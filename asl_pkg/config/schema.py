"""Typed settings: what every one means, its unit and what is possible. configs/*.yaml holds the values."""

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
        default: the value where neither YAML nor the command line gives one.
        help: one line for people.
        unit: of the value, empty for a pure number or a name.
        low: the least value allowed.
        high: the greatest value allowed.
        choices: all values allowed, for names.
    """
    return field(default=default, metadata={"help": help, "unit": unit, "low": low, "high": high, "choices": choices})


@dataclass
class DataSettings:
    """Which pictures to learn from, and how they reach the model."""

    name: str = setting("", "kind of source; `data=NAME` selects it")
    batch_size: int = setting(32, "pictures in a training batch", "pictures", low=2, high=4096)
    cache_dir: str = setting(".cache/decoded", "folder for decoded pictures; empty keeps them in memory", "path")
    cache_gb: float = setting(
        20.0, "room for decoded pictures; beyond it they are decoded anew each epoch", "GB", low=0
    )
    external: str = setting("", "folder of other people's pictures, one sub-folder a class, to be scored too", "path")
    classes: str = setting("", "only these of the 29 classes, as A,B,C; empty for all that the source has", "list")


@dataclass
class SyntheticData(DataSettings):
    """Pictures of an articulated hand, made here."""

    name: str = setting("synthetic", "kind of source", choices=["synthetic"])
    train_signers: int = setting(120, "signers to learn from", "signers", low=1, high=10_000)
    validation_signers: int = setting(12, "signers for early stopping and calibration", "signers", low=1, high=10_000)
    test_signers: int = setting(20, "signers that training never sees", "signers", low=1, high=10_000)
    recordings: int = setting(1, "recordings of each letter by each signer", "recordings", low=1, high=1000)
    frames: int = setting(1, "frames of each recording, near-duplicates of one another", "frames", low=1, high=1000)


@dataclass
class FolderData(DataSettings):
    """A folder with one sub-folder a class: …/<CLASS>/<name><frame>.jpg."""

    name: str = setting("folder", "kind of source", choices=["folder"])
    path: str = setting("", "the folder, at any depth above the class folders", "path")
    signers_csv: str = setting("", "CSV with columns path and signer, recording too if known", "path")
    block_frames: int = setting(100, "neighbouring frames that stay in one split", "frames", low=1, high=100_000)
    guard_frames: int = setting(20, "frames left out between blocks of different splits", "frames", low=0, high=10_000)
    validation_share: float = setting(0.15, "share of each class's groups for validation", low=0.01, high=0.5)
    test_share: float = setting(0.2, "share of each class's groups for the test", low=0.01, high=0.5)
    max_quarantined: float = setting(0.05, "share of unfit pictures beyond which pull fails", low=0.0, high=1.0)
    strip_private: bool = setting(False, "take EXIF that tells place or person out of the files; pixels stay")


@dataclass
class ArchiveData(FolderData):
    """A zip or tar archive of such a folder; the other settings are those of data=folder."""

    name: str = setting("archive", "kind of source", choices=["archive"])
    path: str = setting("", "the archive: .zip, .tar, .tar.gz, .tar.zst", "path")


@dataclass
class HttpData(FolderData):
    """Such an archive on a web server; `data=https://…` is short for it."""

    name: str = setting("http", "kind of source", choices=["http"])
    path: str = setting("", "http://… or https://…", "URL")
    sha256: str = setting("", "of the archive; empty takes what comes", "hex digits")


@dataclass
class S3Data(FolderData):
    """Such a folder or archive in S3, with the usual AWS_* variables; `data=s3://…` is short for it."""

    name: str = setting("s3", "kind of source", choices=["s3"])
    path: str = setting("", "s3://BUCKET/PREFIX or s3://BUCKET/ARCHIVE", "URL")


@dataclass
class DvcData(FolderData):
    """Such a folder or archive tracked by DVC; what its remote gives is checked against the hashes in Git."""

    name: str = setting("dvc", "kind of source", choices=["dvc"])
    path: str = setting("", "what is tracked: data/letters or data/letters.dvc", "path in the repository")
    repository: str = setting(".", "the DVC repository: a folder or a Git URL", "path or URL")
    revision: str = setting("", "branch, tag or commit; empty takes the working tree, of a URL the default branch")
    remote: str = setting("", "name of the DVC remote; empty takes the repository's default")


@dataclass
class ParquetData(FolderData):
    """Parquet files with columns image and label, ours or Hugging Face's; splits are made anew."""

    name: str = setting("parquet", "kind of source", choices=["parquet"])
    path: str = setting("", "a .parquet file or a folder of them", "path")


@dataclass
class MixData(FolderData):
    """Several sources, each of another signer."""

    name: str = setting("mix", "kind of source", choices=["mix"])
    path: str = setting("", "NAME=SOURCE,…: a folder, archive, URL, .dvc or .parquet file, or `synthetic`", "list")


@dataclass
class ModelSettings:
    """The network."""

    name: str = setting("", "kind of network; `model=NAME` selects it")


@dataclass
class BaselineModel(ModelSettings):
    """BaselineCNN: small, trained from scratch in minutes on two cores."""

    name: str = setting("baseline", "kind of network", choices=["baseline"])
    width: int = setting(24, "channels of the first stage; later stages double it", "channels", low=4, high=512)
    dropout: float = setting(0.2, "share of features dropped before the last layer", low=0.0, high=0.9)


@dataclass
class ResNetModel(ModelSettings):
    """TransferResNet: a residual network with a new last layer."""

    name: str = setting("resnet", "kind of network", choices=["resnet"])
    backbone: str = setting("resnet18", "which residual network", choices=["resnet18", "resnet34", "resnet50"])
    freeze_backbone: bool = setting(False, "train the last layer only")
    weights: str = setting("", "ImageNet weights: a .pth file, `download`, or empty for from scratch", "path")


@dataclass
class TrainerSettings:
    """How long and how fast to learn."""

    max_epochs: int = setting(19, "passes over the training pictures at most", "epochs", low=1, high=10_000)
    patience_epochs: int = setting(6, "epochs without a better validation loss before stopping", "epochs", low=1)
    learning_rate: float = setting(3e-3, "peak of the one-cycle schedule (AdamW)", low=1e-7, high=1.0)
    weight_decay: float = setting(0.02, "AdamW's weight decay", low=0.0, high=1.0)
    label_smoothing: float = setting(0.05, "share of each target spread over all classes", low=0.0, high=0.5)
    augment: bool = setting(True, "vary position, size, tilt, light and colour of training pictures; mirror some")
    accelerator: str = setting("auto", "what computes", choices=["auto", "cpu", "gpu"])
    workers: int = setting(1, "processes that learn together, a part of each batch each", "processes", low=1, high=1024)
    trainjob: bool = setting(False, "each worker a pod of a Kubeflow TrainJob, made by the pipeline's pod of train")
    sync_batchnorm: bool = setting(False, "batch statistics of all workers together; on GPUs only")
    progress: bool = setting(True, "show progress")


@dataclass
class ExportSettings:
    """What the graph computes with, and what config.pbtxt tells Triton."""

    precision: str = setting(
        contract.FP32, "numbers that the graph computes with; int8 needs the data set", choices=contract.PRECISIONS
    )
    instances: int = setting(2, "copies of the model that answer in parallel", "copies", low=1, high=64)
    threads: int = setting(
        1, "CPU threads of one copy; more answer one picture sooner, and fewer pictures", "threads", low=1, high=256
    )
    confidence_threshold: float = setting(0.5, "below it the answer is `unsure`", "probability", low=0.0, high=1.0)


@dataclass
class ValidateSettings:
    """The thresholds of the gates."""

    accuracy_min: float = setting(0.84, "lower bound of test accuracy", low=0.0, high=1.0)
    macro_f1_min: float = setting(0.83, "lower bound of macro F1", low=0.0, high=1.0)
    recall_min: float = setting(0.47, "recall of the worst class", low=0.0, high=1.0)
    worst_group_min: float = setting(0.69, "accuracy for the worst signer", low=0.0, high=1.0)
    external_min: float = setting(0.1, "lower bound of accuracy on data.external", low=0.0, high=1.0)
    calibration_error_max: float = setting(0.05, "expected calibration error, 15 bins", low=0.0, high=1.0)
    unsure_max: float = setting(0.07, "share of answers below the confidence threshold", low=0.0, high=1.0)
    champion_loss_max: float = setting(
        0.001, "lower bound of the accuracy lost to the release that serves", low=0.0, high=1.0
    )
    stability_min: float = setting(0.92, "share of right answers that small changes leave right", low=0.0, high=1.0)
    empty_scenes_min: float = setting(0.9, "share of plain scenes answered with `nothing`", low=0.0, high=1.0)
    noise_max: float = setting(0.1, "share of noise pictures in which a letter is surely seen", low=0.0, high=1.0)
    independence_max: float = setting(1e-5, "greatest change of a probability with its batch", low=0.0, high=1.0)
    parity_max: float = setting(1e-4, "greatest difference of log-probabilities to torch", low=0.0, high=1.0)
    agreement_min: float = setting(0.995, "share of answers of a variant that are fp32's", low=0.0, high=1.0)
    variant_loss_max: float = setting(0.005, "upper bound of the accuracy a variant loses to fp32", low=0.0, high=1.0)
    variant_time_max: float = setting(0.9, "a variant's time for a picture as a multiple of fp32's", low=0.1, high=10.0)
    latency_max: float = setting(1.0, "time for a picture as a multiple of torch's", low=0.1, high=1000.0)
    thorough: bool = setting(False, "compare with torch on at least 5,000 pictures, test pictures varied")
    resamples: int = setting(1000, "bootstrap resamples for an interval", "resamples", low=100, high=100_000)


@dataclass
class DeploySettings:
    """How a release comes to serve; the store's address says where: a folder here, s3://… on Kubernetes."""

    name: str = setting(contract.KUBERNETES_NAME, "of the InferenceService on Kubernetes", "name")
    namespace: str = setting(contract.NAMESPACE, "where it serves on Kubernetes", "namespace")
    latency_max_ms: float = setting(1000.0, "for one picture, 95 of 100 times", "ms", low=1.0, high=60_000.0)
    timeout_s: float = setting(600.0, "wait for a pod to start and be ready", "s", low=1.0, high=86_400.0)
    transformer_image: str = setting("", "of the transformer, which takes pictures; empty serves pixels only", "image")
    canary_requests: int = setting(
        0, "sent to a canary, which serves users too, and to what serves; 0 for none", "requests", low=0, high=1_000_000
    )
    canary_percent: int = setting(
        50, "of the users' requests over HTTP that a gateway gives the canary; else its share is its pods'", "%", 1, 99
    )
    canary_agreement_min: float = setting(0.9, "share that both have to answer alike", low=0.0, high=1.0)
    canary_slowdown_max: float = setting(2.0, "times as long the canary may take", low=1.0, high=1000.0)


@dataclass
class Settings:
    """default.yaml: what the steps share."""

    seed: int = setting(7, "of every random choice", low=0, high=2**31 - 1)
    data: DataSettings = field(default_factory=SyntheticData)
    dataset_dir: str = setting("data/dataset", "the data set that pull writes", "path")
    to: str = setting("", "s3://BUCKET/PREFIX to publish the data set to; empty publishes nothing", "URL")
    training_dir: str = setting("models", "what train writes: checkpoints, history, metrics", "path")
    checkpoint_path: str = setting("models/checkpoints/best.ckpt", "the checkpoint that export reads", "path")
    bundle_dir: str = setting("models/bundle", "the bundle that export writes", "path")
    report_dir: str = setting("report", "the report that validate writes", "path")
    store: str = setting(
        "models/store", "the model store: a folder, or s3://BUCKET/PREFIX for Kubernetes", "path or URL"
    )
    export: ExportSettings = field(default_factory=ExportSettings)
    validate: ValidateSettings = field(default_factory=ValidateSettings)
    deploy: DeploySettings = field(default_factory=DeploySettings)


@dataclass
class TrainSettings(Settings):
    """train.yaml: default.yaml, the network and how to train it."""

    checkpoint_uri: str = setting(
        "",
        "folder or s3://BUCKET/PREFIX that keeps an unfinished training, to be resumed; empty keeps none",
        "path or URL",
    )
    model: ModelSettings = field(default_factory=BaselineModel)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)


@dataclass
class PodSettings:
    """What the pods of the pipeline's steps are and may use on Kubernetes."""

    cpu: str = setting("2", "processors that pull, train, export and validate may use each", "Kubernetes quantity")
    memory: str = setting("4Gi", "memory that pull, train, export and validate get each", "Kubernetes quantity")
    accelerator_type: str = setting("nvidia.com/gpu", "resource of the accelerators that train gets", "name")
    accelerator_count: int = setting(0, "how many accelerators train gets", "accelerators", low=0, high=64)
    registry: str = setting("", "that `make push` pushed our images to; empty for images loaded into the nodes", "name")
    data_image: str = setting("", "in which pull runs; empty takes the one made of these sources", "image")
    train_image: str = setting("", "in which all else runs; empty takes the one made of these sources", "image")


@dataclass
class KfpSettings:
    """Which Kubeflow Pipelines `asl pipeline submit` and `schedule` speak to."""

    host: str = setting("http://127.0.0.1:8080", "address of its UI", "URL")
    namespace: str = setting("kubeflow", "where the steps' pods run", "namespace")
    service_account: str = setting("pipeline-runner", "account that the steps' pods run as", "name")
    experiment: str = setting("asl", "under which its UI lists the runs", "name")
    cron: str = setting(
        "0 0 3 * * *", "when `schedule` runs it: second, minute, hour, day, month, weekday, in UTC", "cron"
    )


@dataclass
class PipelineSettings(TrainSettings):
    """pipeline.yaml: train.yaml, and how the pipeline runs."""

    runner: str = setting(
        "process",
        "what a step is on this machine: a process, or a container of its image",
        choices=["process", "docker"],
    )
    cache: bool = setting(True, "take results that are still right from the cache")
    pod: PodSettings = field(default_factory=PodSettings)
    kfp: KfpSettings = field(default_factory=KfpSettings)


@dataclass
class MonitorSettings:
    """When what the model is shown has drifted from what it was measured on."""

    distance_max: float = setting(
        0.3, "distance of a measure's distribution (Kolmogorov-Smirnov: 0 same, 1 apart)", low=0.0, high=1.0
    )
    letters_max: float = setting(
        0.6, "share of the answers that would have to be others; English text alone moves 0.4", low=0.0, high=1.0
    )


@dataclass
class InferenceSettings:
    """inference.yaml: which model answers, and how."""

    image_path: str = setting(
        "", "picture, folder or glob; also given without a name; `-` reads standard input", "path"
    )
    runtime: str = setting("onnx", "what computes the answer", choices=["onnx", "torch", "triton"])
    bundle: str = setting("", "bundle; empty takes models/bundle, else the release that deploy made serve", "path")
    onnx_path: str = setting("", "a bare ONNX file instead of a bundle", "path")
    checkpoint_path: str = setting("models/checkpoints/best.ckpt", "for runtime=torch", "path")
    url: str = setting(f"http://127.0.0.1:{contract.HTTP_PORT}", "for runtime=triton: http://… or grpc://…", "URL")
    confidence_threshold: float | None = setting(
        None, "below it the answer is `unsure`; null takes the bundle's", "probability", low=0.0, high=1.0
    )
    img_size: int | None = setting(None, "side of the square picture; only the bundle's own is possible", "px", low=1)
    output: str = setting("table", "form of the answers", choices=["table", "json"])
    store: str = setting("models/store", "the model store that deploy writes to", "path")
    engine: str = setting("triton", "model server for serve", choices=["triton", "kserve"])
    host: str = setting("127.0.0.1", "address that serve listens on", "address")
    http_port: int = setting(contract.HTTP_PORT, "v2 over HTTP; the next free one if taken", "port", low=1, high=65535)
    grpc_port: int = setting(contract.GRPC_PORT, "v2 over gRPC; the next free one if taken", "port", low=1, high=65535)
    metrics_port: int = setting(
        contract.METRICS_PORT, "Prometheus; the next free one if taken", "port", low=1, high=65535
    )
    monitor_dir: str = setting("monitor", "the page and the numbers that monitor writes", "path")
    monitor: MonitorSettings = field(default_factory=MonitorSettings)


FILES: dict[type, str] = {
    Settings: "default",
    TrainSettings: "train",
    PipelineSettings: "pipeline",
    InferenceSettings: "inference",
}
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
    "model": {"baseline": BaselineModel, "resnet": ResNetModel},
}
