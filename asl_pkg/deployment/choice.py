"""Which place the settings name."""

from asl_pkg.bundle.store import FolderStore, open_store
from asl_pkg.config.schema import Settings
from asl_pkg.deployment.target import Place


def open_place(settings: Settings) -> Place:
    """Open the place that the store's address names: a folder means this machine, s3://… means Kubernetes.

    Args:
        settings: `store` and `deploy`.

    Returns:
        The place.

    Raises:
        DataError: there is no such store.
        ServingError: there is no cluster.
    """
    store = open_store(settings.store)
    if isinstance(store, FolderStore):
        from asl_pkg.deployment.local import LocalPlace

        return LocalPlace(store)
    from asl_pkg.deployment.kserve import KServePlace
    from asl_pkg.k8s.client import Cluster

    return KServePlace(store, Cluster(settings.deploy.namespace), settings.deploy)
