"""The step deploy: a release in the model store that serves."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def deploy(
    model_store: str, deploy_settings: list, bundle: dsl.Input[dsl.Model], report: dsl.Input[dsl.Artifact]
) -> str:
    """Store the bundle as a release, try it on a Triton of its own, and only then let it serve.

    Args:
        model_store: where releases lie and so where they serve: a folder, or s3://BUCKET/PREFIX.
        deploy_settings: settings such as `deploy.namespace=…`.
        bundle: what export wrote.
        report: what validate wrote.

    Returns:
        The release.
    """
    from pathlib import Path

    from asl_pkg import deploy as step
    from asl_pkg.config import Settings
    from asl_pkg.settings import load

    chosen = load(Settings, [f"store={model_store}", *deploy_settings])
    return step.deploy(chosen, Path(bundle.path), Path(report.path)).release
