"""The step refuse: fails the run of a model that did not pass."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def refuse(report: dsl.Input[dsl.Artifact]) -> None:
    """Fail, and name the gates that the model did not pass.

    Args:
        report: what validate wrote.

    Raises:
        GateError: always.
    """
    from pathlib import Path

    from asl_pkg.validation.report import raise_refusal

    raise_refusal(Path(report.path))
