"""The step deploy: a release in the model store that serves."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def deploy(model_store: str, bundle: dsl.Input[dsl.Model], report: dsl.Input[dsl.Artifact]) -> str:
    """Store the bundle as a release, try it on a Triton of its own, and only then let it serve.

    Args:
        model_store: where releases lie.
        bundle: what export wrote.
        report: what validate wrote.

    Returns:
        The release.
    """
    from pathlib import Path

    from asl_pkg import deploy as step

    return step.deploy(Path(bundle.path), Path(report.path), Path(model_store)).release
