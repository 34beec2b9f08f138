"""The step refuse: fail the run of a model that did not pass the gates."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def refuse(report: dsl.Input[dsl.Artifact]) -> None:
    """Fail, and name the failed gates.

    Args:
        report: Report written by validate.

    Raises:
        GateError: Always.
    """
    from pathlib import Path

    from asl_pkg.validation.report import raise_refusal

    raise_refusal(Path(report.path))
