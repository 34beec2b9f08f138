"""The step champion: find the release that a new one is compared with."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def champion(deploy_store: str, bundle: dsl.Input[dsl.Model]) -> str:
    """Look up the serving release; never cached, since the result is part of the cache key of validate.

    Args:
        deploy_store: Model store.
        bundle: Bundle written by export; if it serves already, the release before it is the champion.

    Returns:
        The release; empty before the first deployment.
    """
    from pathlib import Path

    from asl_pkg.bundle.bundle import open_bundle
    from asl_pkg.bundle.store import champion, open_store

    return champion(open_store(deploy_store).serving(), open_bundle(Path(bundle.path)).release)
