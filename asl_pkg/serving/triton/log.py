"""Why a server failed, from its log."""


def failure_reason(log: str) -> str:
    """Find the line of a log that says why a server exited.

    Args:
        log: The log.

    Returns:
        The line.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")] or [line for line in lines if line.startswith("E")]
    last = (errors or lines or ["the log is empty"])[-1]
    return last.rpartition("state: ")[2].rstrip(";")
