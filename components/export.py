"""The step export: the bundle that is served."""

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
    """Write the best checkpoint as an ONNX model with everything that Triton needs.

    Args:
        export_settings: settings such as `export.precision=int8`.
        signer: digest of the public key of who signs, so that a cached bundle signed otherwise is not taken.
        code_version: hash of the code, so that a cached result of other code is not taken.
        dataset: what pull wrote; int8 is calibrated on it.
        training: what train wrote.
        bundle: the bundle, sealed by digests.
    """
    from pathlib import Path

    from asl_pkg import contract
    from asl_pkg import export as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import Settings
    from asl_pkg.config.text import settings_from_text

    settings = load(Settings, [*settings_from_text(export_settings), f"dataset_dir={dataset.path}"])
    made = step.export(settings, Path(training.path) / contract.BEST_CHECKPOINT, Path(bundle.path))
    bundle.metadata.update(release=made.release, digest=made.digest, dataset_digest=made.dataset_digest)
