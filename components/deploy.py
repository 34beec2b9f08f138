"""The step deploy: a release in the model store that serves."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def deploy(
    model_store: str,
    service_name: str,
    namespace: str,
    deploy_settings: list,
    bundle: dsl.Input[dsl.Model],
    report: dsl.Input[dsl.Artifact],
) -> str:
    """Store the bundle as a release, try it on a Triton of its own, and only then let it serve.

    Args:
        model_store: where releases lie and so where they serve: a folder, or s3://BUCKET/PREFIX.
        service_name: of the InferenceService.
        namespace: of the InferenceService.
        deploy_settings: further settings such as `deploy.canary_requests=…`.
        bundle: what export wrote.
        report: what validate wrote.

    Returns:
        The release.
    """
    from pathlib import Path

    from asl_pkg import deploy as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import Settings

    where = [f"store={model_store}", f"deploy.name={service_name}", f"deploy.namespace={namespace}"]
    return step.deploy(load(Settings, [*where, *deploy_settings]), Path(bundle.path), Path(report.path)).release
