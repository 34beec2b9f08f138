"""What a failed server's log says, in one line."""


def reason(log: str) -> str:
    """Find the line of a log that says why a server ended.

    Args:
        log: what it wrote.

    Returns:
        The line.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")] or [line for line in lines if line.startswith("E")]
    last = (errors or lines or ["it wrote nothing"])[-1]
    return last.rpartition("state: ")[2].rstrip(";")
