"""The step finish: say how the run ended, even if a step failed."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def finish(status: dsl.PipelineTaskFinalStatus, run_id: str) -> None:
    """Say whether every step succeeded; else name the one that failed, its exit code and its last lines.

    Args:
        status: Status of the run, set by kfp.
        run_id: ID of the run.
    """
    from asl_pkg.orchestration.failed_step import describe_ending

    print(describe_ending(status.state, status.error_message or "", run_id))
