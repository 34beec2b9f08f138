"""Facts that several modules share. Only this module defines them; it imports nothing from the project."""

import string

# The model
CLASSES: tuple[str, ...] = (*string.ascii_uppercase, "del", "nothing", "space")  # in the order of the output's columns
IMAGE_PX = 200  # side of the square image that the model takes
MAX_BATCH = 32  # images in one request to the server
INPUT_NAME = "input"  # uint8 [batch, 200, 200, 3], RGB
OUTPUT_NAME = "output"  # float32 [batch, 29], probabilities
LANDMARKS_NAME = "landmarks"  # float32 [batch, 21, 3], x and y in the image's pixels, depth relative to the wrist
HAND_SCORE_NAME = "hand_score"  # float32 [batch], probability of a hand; this and the landmarks are 0 without one
HAND_POINTS = 21  # in MediaPipe's order: the wrist, then four from the root to the tip of each finger, thumb first
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of RGB in 0..1, https://docs.pytorch.org/vision/stable/models.html
IMAGENET_STD = (0.229, 0.224, 0.225)
TEMPERATURES = (0.25, 4.0)  # range of calibration; a bundle outside it was not trained here
CONTRACT_VERSION = 1  # of a network that gives probabilities only
HAND_CONTRACT_VERSION = 2  # of a network that finds the hand, too
OUTPUTS: dict[int, dict[str, tuple[int, ...]]] = {  # of each contract version: dimensions of an image's answer
    CONTRACT_VERSION: {OUTPUT_NAME: (len(CLASSES),)},
    HAND_CONTRACT_VERSION: {OUTPUT_NAME: (len(CLASSES),), LANDMARKS_NAME: (HAND_POINTS, 3), HAND_SCORE_NAME: ()},
}
V2_OUTPUTS = {  # the same in the v2 protocol: Triton knows no number alone, so it gets the dimension 1
    version: {name: dims or (1,) for name, dims in outputs.items()} for version, outputs in OUTPUTS.items()
}
PREPARATION_VERSION = 1  # of data/preparation.py: image file -> 200x200 RGB
TRITON_RELEASE = "26.07"  # of NVIDIA's image in manifests/; .triton has its ONNX Runtime
OPSET = 21  # the highest that every release in bundle/triton_releases.py loads
IR_VERSION = 10
FP32, FP16, INT8 = PRECISIONS = ("fp32", "fp16", "int8")  # of the graph's computation; input and output stay the same

# Keys of the ONNX graph's metadata_props; the values are text, the classes a JSON list
METADATA_CLASSES = "classes"
METADATA_KNOWN = "known_classes"  # classes with a probability above 0; a graph without it knows all
METADATA_THRESHOLD = "confidence_threshold"
METADATA_DATASET = "dataset_digest"
METADATA_CONTRACT = "contract_version"
METADATA_PREPARATION = "preparation_version"
METADATA_PRECISION = "precision"

# Names: `asl_model` in the v2 protocol and on disk, `asl-model` in Kubernetes, which has no underscores
MODEL_NAME = "asl_model"
KUBERNETES_NAME = MODEL_NAME.replace("_", "-")

# A local run of the pipeline: runs/<name>/<step>
RUNS_FOLDER = "runs"

# Data set: dataset/
DATASET_SCHEMA = 2
DATASET_FILE = "dataset.json"
AUDIT_FILE = "audit.json"
AUDIT_PAGE = "audit.html"
CONTACT_SHEET = "contact_sheet.jpg"
TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")

# Training: training/
BEST_CHECKPOINT = "checkpoints/best.ckpt"
LAST_CHECKPOINT = "checkpoints/last.ckpt"
HISTORY_FILE = "history.csv"
METRICS_FILE = "metrics.json"
SEEN_FILE = "seen.parquet"
STATISTICS_FILE = "statistics.json"
SBOM_FILE = "sbom.cdx.json"  # packages used for the training, CycloneDX
PLOTS_FOLDER = "plots"
PLOTS = ("loss_curves.png", "accuracy_curves.png", "f1_score.png", "metrics_overview.png")

# Bundle: bundle/
BUNDLE_SCHEMA = 1
BUNDLE_FILE = "bundle.json"
REPOSITORY_FOLDER = "repository"
CONFIG_FILE = f"{REPOSITORY_FOLDER}/{MODEL_NAME}/config.pbtxt"
LABELS_FILE = f"{REPOSITORY_FOLDER}/{MODEL_NAME}/labels.txt"
MODEL_FILE = f"{REPOSITORY_FOLDER}/{MODEL_NAME}/1/model.onnx"
REPOSITORY_FILES = frozenset(
    {CONFIG_FILE, LABELS_FILE, MODEL_FILE}
)  # Triton would run other Python files and libraries
BUNDLE_SBOM = f"extras/{SBOM_FILE}"  # a copy of the training's
DRIFT_FILE = "extras/drift_reference.json"  # a copy of the training's statistics
SIGNATURE_FILE = "bundle.sig"  # over all the other files, where a key is configured; bundle.json does not list it
RELEASE_DIGITS = 12  # of the model digest, shown as the model's version

# Report: report/
REPORT_SCHEMA = 1
REPORT_FILE = "report.json"
REPORT_SIGNATURE = "report.sig"  # of report.json, which has the digest of the golden set
REPORT_PAGE = "report.html"
MODEL_CARD = "model_card.md"
GOLDEN_FOLDER = "golden"
GOLDEN_FILE = "golden.json"

# Drift: monitor/
MONITOR_FILE = "monitor.json"
MONITOR_PAGE = "monitor.html"

# Keys: keys/, and the variables with the key to sign with and the key that every load requires
KEYS_FOLDER = "keys"
SIGNING_KEY = "signing.pem"
PUBLIC_KEY = "signing.pub"
SIGNING_KEY_VARIABLE = "ASL_SIGNING_KEY"
PUBLIC_KEY_VARIABLE = "ASL_PUBLIC_KEY"

# Model store: <store>/asl-model/<release>/, and beside the releases the one that serves
SERVING_FILE = "serving.json"

# Default ports of Triton; the next free ones if they are taken
HTTP_PORT = 8000
GRPC_PORT = 8001
METRICS_PORT = 8002
PAGE_PORT = 8003  # of the page, beside Triton's; kind-config.yaml has it too
MLFLOW_PORT = 8080
MLFLOW_EXPERIMENT = "asl"
MLFLOW_MODEL = KUBERNETES_NAME
MLFLOW_ALIAS = "champion"

# On Kubernetes; manifests/ has the same names, and a test compares them
NAMESPACE = "asl"
CANDIDATE_SUFFIX = "-candidate"
CANDIDATE_NAME = (
    f"{KUBERNETES_NAME}{CANDIDATE_SUFFIX}"  # the InferenceService that tests a release, without user traffic
)
CANARY_NAME = "canary"  # the predictor that shares user traffic with the stable one
HTTP_ROUTE = "asl"  # of the component gateway; deploy sets the canary's share there
SERVING_RUNTIME = "asl-triton"
TRAINING_RUNTIME = "asl-torchrun"  # the ClusterTrainingRuntime of Kubeflow Trainer
MODEL_FORMAT = "triton"  # of the ServingRuntime
STORAGE_CONTAINER = "asl-storage"  # KServe's downloader, made to pass Pod Security: predictor.storageContainerName
GRPC_SUFFIX = "-grpc"
GRPC_SERVICE = f"{KUBERNETES_NAME}{GRPC_SUFFIX}"  # headless: addresses of all ready predictor pods
PREDICTOR_ACCOUNT = "asl-predictor"  # may read the store
TRANSFORMER_ACCOUNT = "asl-transformer"
PIPELINE_ACCOUNT = "asl-pipeline"  # of the steps; has no rights in KServe
DEPLOYER_ACCOUNT = "asl-deployer"  # may change the two InferenceServices
DEPLOYER_TOKEN = "asl-deployer-token"  # noqa: S105 - a Secret's name; the deploy step alone mounts it
DEPLOYER_FOLDER = "/var/run/secrets/asl-deployer"  # its mount path
SIGNING_KEY_SECRET = "asl-signing-key"  # noqa: S105 - a Secret's name; export and validate mount it
SIGNING_KEY_FOLDER = "/var/run/secrets/asl-signing-key"  # its mount path
PUBLIC_KEY_CONFIG_MAP = "asl-public-key"  # every step mounts it
PUBLIC_KEY_FOLDER = "/etc/asl-public-key"  # its mount path
S3_SECRET = "asl-s3"  # noqa: S105 - a Secret's name; it holds these variables:
S3_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
SETTINGS_CONFIG_MAP = "asl-settings"
SETTINGS_VARIABLES = ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION")
VERIFY_CONFIG_MAP = "asl-verify-bundle"  # script that checks a bundle before Triton starts
IMAGE_VERSION = "0.2.0"  # tag of our container images in overlays and the compiled pipeline: the project's version
KIND_REGISTRY = "localhost:5001"  # beside the cluster of `make kind-up`; `make images-kind` pushes there
DATA_IMAGE = "asl-data"  # of the step pull
TRAIN_IMAGE = "asl-train"  # of all other steps
TRITON_IMAGE = "asl-triton"  # a placeholder that an overlay's `images:` block replaces
TRANSFORMER_IMAGE = "asl-transformer"
BUNDLE_DIGEST_VARIABLE = "ASL_BUNDLE_DIGEST"  # of the pod: required SHA-256 of its bundle.json
FIELD_MANAGER = "asl-deploy"  # the only writer of the InferenceServices
POD_HTTP_PORT = 8080  # of predictor and transformer; the predictor's Service offers it as port 80
POD_GRPC_PORT = 9000
POD_METRICS_PORT = 8002
RELEASE_LABEL = "asl/release"  # of the InferenceServices and their pods; the annotations are only on the former
BUNDLE_DIGEST_ANNOTATION = "asl/bundle-digest"
REPORT_DIGEST_ANNOTATION = "asl/report-digest"
PREVIOUS_ANNOTATION = "asl/previous"  # the release that served before
SIGNATURE_ANNOTATION = "asl/signature"  # of the ServingRuntime: "required" if no unsigned bundle may serve
