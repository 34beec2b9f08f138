"""The step finish: says how the run ended, whatever happened before it."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def finish(status: dsl.PipelineTaskFinalStatus, run_id: str) -> None:
    """Say whether every step succeeded; else name the one that failed, its exit code and its last lines.

    Args:
        status: of all the steps together; kfp fills it in.
        run_id: of this run.
    """
    from asl_pkg.orchestration.failed_step import describe_ending

    print(describe_ending(status.state, status.error_message or "", run_id))
