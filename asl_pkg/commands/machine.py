"""The verbs about this machine."""

import os

from asl_pkg.errors import AslError


def mlflow() -> None:
    """Start MLflow's UI on 127.0.0.1:8080; Ctrl-C stops it."""
    from asl_pkg.lineage import tracking

    command = tracking.ui_command()
    print(f"open {tracking.UI_PAGE}", flush=True)
    os.execve(command[0], command, {**os.environ, **tracking.QUIET})  # noqa: S606


def doctor() -> None:
    """Check this machine: what works, what is missing, and how to fix it."""
    from asl_pkg import doctor as step

    missing = 0
    for finding in step.check_machine():
        print(finding)
        missing += finding.needed and not finding.fine
    if missing:
        raise AslError(f"{missing} required items are missing; each is named above with the command that fixes it")
