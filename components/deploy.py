"""The step deploy: store the release and serve it."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def deploy(
    deploy_store: str,
    deploy_settings: str,
    bundle: dsl.Input[dsl.Model],
    report: dsl.Input[dsl.Artifact],
) -> str:
    """Store the bundle as a release, test it on a Triton of its own, and then switch to it.

    Args:
        deploy_store: Model store: a folder, or s3://BUCKET/PREFIX.
        deploy_settings: Further settings such as `deploy.canary_requests=…`.
        bundle: Bundle written by export.
        report: Report written by validate.

    Returns:
        The release.
    """
    from pathlib import Path

    from asl_pkg import deploy as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import Settings
    from asl_pkg.config.text import settings_from_text

    settings = load(Settings, [f"store={deploy_store}", *settings_from_text(deploy_settings)])
    return step.deploy(settings, Path(bundle.path), Path(report.path)).release
