"""The step export: write the bundle that is served."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def export(
    export_settings: str,
    signer: str,
    code_version: str,
    dataset: dsl.Input[dsl.Dataset],
    training: dsl.Input[dsl.Model],
    bundle: dsl.Output[dsl.Model],
) -> None:
    """Export the best checkpoint to ONNX, with everything that Triton needs.

    Args:
        export_settings: Settings such as `export.precision=int8`.
        signer: Digest of the signer's public key, as part of the cache key.
        code_version: Digest of the code, as part of the cache key.
        dataset: Data set written by pull; int8 is calibrated on it.
        training: Training written by train.
        bundle: The bundle, with the digests of its files.
    """
    from pathlib import Path

    from asl_pkg import contract
    from asl_pkg import export as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import Settings
    from asl_pkg.config.text import settings_from_text
    from asl_pkg.orchestration import artifacts

    settings = load(Settings, [*settings_from_text(export_settings), f"dataset_dir={dataset.path}"])
    made = step.export(settings, Path(training.path) / contract.BEST_CHECKPOINT, Path(bundle.path))
    artifacts.describe_artifact(
        bundle, release=made.release, digest=made.digest, dataset_digest=made.dataset_digest, precision=made.precision
    )
