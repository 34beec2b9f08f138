"""Choose the deployment target from the settings."""

from asl_pkg.bundle.store import open_store
from asl_pkg.config.schema import Settings
from asl_pkg.deployment.target import DeploymentTarget
from asl_pkg.storage.folder import LocalFolder


def open_target(settings: Settings) -> DeploymentTarget:
    """Open the deployment target of a store: a folder means this machine, s3://… means Kubernetes.

    Args:
        settings: `store` and `deploy` are read.

    Returns:
        The target.

    Raises:
        DataError: The store does not exist.
        ServingError: No cluster is configured.
    """
    store = open_store(settings.store)
    if isinstance(store.folder, LocalFolder):
        from asl_pkg.deployment.local import LocalTarget

        return LocalTarget(store)
    from asl_pkg.deployment.kserve import KServeTarget
    from asl_pkg.k8s.client import Cluster

    return KServeTarget(store, Cluster(settings.deploy.namespace), settings.deploy)
