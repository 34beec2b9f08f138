"""The step export: the bundle that is served."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def export(
    export_settings: list, code_version: str, training: dsl.Input[dsl.Model], bundle: dsl.Output[dsl.Model]
) -> None:
    """Write the best checkpoint as an ONNX model with everything that Triton needs.

    Args:
        export_settings: settings such as `export.threads=…`.
        code_version: hash of the code, so that a cached result of other code is not taken.
        training: what train wrote.
        bundle: the bundle, sealed by digests.
    """
    from pathlib import Path

    from asl_pkg import contract
    from asl_pkg import export as step
    from asl_pkg.config import Settings
    from asl_pkg.settings import load

    checkpoint = Path(training.path) / contract.BEST_CHECKPOINT
    made = step.export(load(Settings, export_settings), checkpoint, Path(bundle.path))
    bundle.metadata.update(release=made.release, digest=made.digest)
