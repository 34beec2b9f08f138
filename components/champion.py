"""The step champion: which release a new one has to be compared with."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def champion(deploy_store: str, bundle: dsl.Input[dsl.Model]) -> str:
    """Look up what serves; never cached, since its answer is part of what validate is cached by.

    Args:
        deploy_store: where releases lie.
        bundle: what export wrote; where it serves already, the release before it is the one to compare with.

    Returns:
        The release, empty before the first deployment.
    """
    from pathlib import Path

    from asl_pkg.bundle.bundle import open_bundle
    from asl_pkg.bundle.store import champion, open_store

    return champion(open_store(deploy_store).serving(), open_bundle(Path(bundle.path)).release)
