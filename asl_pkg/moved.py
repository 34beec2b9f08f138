"""Module paths of version 0.1, for one release: importing one gives the new module, with a warning.

Data were called pictures then: read_picture, say, gives read_image.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "code_version": "lineage.code_version",
    "containers": "orchestration.docker_runner",
    "data.arrival": "data.ingest",
    "data.audit_measures": "data.audit.measures",
    "data.audit_page": "data.audit.page",
    "data.audit_plots": "data.audit.plots",
    "data.contact_sheet": "data.audit.contact_sheet",
    "data.description": "monitoring.features",
    "data.dvc_repository": "data.sources.dvc_repository",
    "data.folder_names": "data.split.folder_names",
    "data.hands.letters": "data.hands.hand_shapes",
    "data.hands.picture": "data.hands.camera",
    "data.hog": "metrics.hog",
    "data.honesty": "data.audit.leakage_probe",
    "data.label_errors": "data.audit.label_issues",
    "data.near_duplicates": "data.split.near_duplicates",
    "data.picture": "data.sample",
    "data.placing": "data.split.assign",
    "data.recordings": "data.split.recordings",
    "data.signers": "data.split.signers",
    "data.signers_table": "data.split.signers_table",
    "data.sources.download": "storage.download",
    "data.sources.names": "storage.safe_names",
    "data.sources.s3_client": "storage.s3",
    "data.sources.s3_folder": "storage.folder",
    "data.splitting": "data.split.splitting",
    "files": "storage.atomic",
    "images": "orchestration.images",
    "kfp_artifacts": "orchestration.artifacts",
    "known": "class_sets",
    "kubeflow": "orchestration",
    "kubeflow.follow": "orchestration.run_watcher",
    "kubeflow.needs": "orchestration.preflight",
    "kubeflow.trainjob": "k8s.trainjob",
    "models.fitting": "models.training",
    "models.graph": "models.onnx_export",
    "models.network": "models.factory",
    "models.precision": "models.quantization",
    "models.served": "models.export_module",
    "outputs": "storage.outputs",
    "pages": "reporting.html",
    "provenance": "lineage.git_commit",
    "run_log": "orchestration.local_log",
    "sbom": "lineage.sbom",
    "serving.body_limit": "serving.v2_server.body_limit",
    "serving.bundle": "bundle.bundle",
    "serving.choice": "inference.choice",
    "serving.client": "inference.v2_client",
    "serving.kserve_errors": "serving.v2_server.errors",
    "serving.kserve_requests": "serving.v2_server.requests",
    "serving.kserve_server": "serving.v2_server.server",
    "serving.letters": "inference.postprocess",
    "serving.manifest": "bundle.manifest",
    "serving.onnx_model": "serving.v2_server.onnx_model",
    "serving.onnx_session": "inference.onnx_session",
    "serving.picture_files": "serving.transformer.images",
    "serving.picture_model": "serving.transformer.model",
    "serving.pictures": "inference.image_paths",
    "serving.places": "deployment",
    "serving.places.addresses": "k8s.port_forward",
    "serving.places.cluster": "k8s.client",
    "serving.places.gateway": "deployment.http_route",
    "serving.places.inference_service": "deployment.inference_service",
    "serving.places.kserve": "deployment.kserve",
    "serving.places.local": "deployment.local",
    "serving.places.place": "deployment.target",
    "serving.places.rollout": "k8s.rollout",
    "serving.predictor": "serving.transformer.predictor",
    "serving.predictors": "serving.transformer.predictors",
    "serving.runtimes": "inference.runtimes",
    "serving.s3_store": "bundle.store",
    "serving.signature": "bundle.signature",
    "serving.store": "bundle.store",
    "serving.transformer_spec": "deployment.transformer_spec",
    "serving.triton_command": "serving.triton.command",
    "serving.triton_config": "bundle.triton_config",
    "serving.triton_environment": "serving.triton.environment",
    "serving.triton_log": "serving.triton.log",
    "serving.triton_releases": "bundle.triton_releases",
    "serving.v2_endpoints": "serving.v2_server.endpoints",
    "settings": "config.load",
    "tracking": "lineage.tracking",
    "usage": "commands.help",
    "validation.acceptance": "deployment.smoke_test",
    "validation.behaviour": "validation.robustness",
    "validation.contents": "validation.report_json",
    "validation.drift": "monitoring.drift",
    "validation.drift_page": "monitoring.page",
    "validation.evidence": "validation.evaluation",
    "validation.in_triton": "validation.triton_check",
    "validation.independence": "validation.batch_invariance",
    "validation.metrics": "metrics.classification",
    "validation.page": "validation.report_html",
    "validation.paired": "deployment.canary_analysis",
    "validation.roc": "metrics.roc",
    "validation.rules": "validation.gate_specs",
    "validation.thorough": "validation.parity",
    "workers": "distributed",
}


class _Alias(Loader):
    """Creates a module that looks up every name in its successor."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Create the module; names are looked up on access."""

        def look_up(name: str) -> Any:
            if name.startswith("__"):  # its path and loader are its own
                raise AttributeError(name)
            successor = importlib.import_module(spec.loader_state)
            return getattr(successor, name if hasattr(successor, name) else name.replace("picture", "image"))

        module = ModuleType(spec.name, f"Moved to {spec.loader_state}.")
        module.__dict__["__getattr__"] = look_up
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module is complete."""


class _Finder(MetaPathFinder):
    """Finds modules that moved."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the successor of a module of version 0.1."""
        package, _, name = fullname.partition(".")
        if package != "asl_pkg" or name not in MOVED:
            return None
        new = f"asl_pkg.{MOVED[name]}"
        warnings.warn(f"{fullname} is now {new}; the old path will be removed in the next release", FutureWarning, 2)
        return ModuleSpec(fullname, _Alias(), loader_state=new, is_package=True)


def accept_old_paths() -> None:
    """Make imports by old module paths work."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
