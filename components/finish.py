"""The step finish: say how the run ended, even if a step failed."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def finish(status: dsl.PipelineTaskFinalStatus) -> None:
    """Say whether every step succeeded, and otherwise what is known about the failure.

    Args:
        status: Status of the run, set by kfp.
    """
    from asl_pkg.orchestration.local_log import ending

    print(ending(status.state, status.error_message or ""))
