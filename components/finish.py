"""The step finish: says how the run ended, whatever happened before it."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def finish(status: dsl.PipelineTaskFinalStatus) -> None:
    """Say whether every step went well, and else what is known of the one that failed.

    Args:
        status: of all the steps together; kfp fills it in.
    """
    from asl_pkg.orchestration.local_log import ending

    print(ending(status.state, status.error_message or ""))
