"""Output of a local pipeline run: the steps' own lines on the terminal, everything from kfp in a file."""

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Self

from asl_pkg.urls import public

COLOUR = re.compile(r"\x1b\[\d+m")
STARTS = re.compile(r"Executing task '(?P<step>[\w-]+)'")
CACHED = re.compile(r"Task (?P<step>[\w-]+) cache hit \(key=(?P<key>\w+)\)")
ENDS_WELL = re.compile(r"Task '(?P<step>[\w-]+)' finished with status SUCCESS")
ERROR = re.compile(r"^asl_pkg\.errors\.\w+: (?P<text>.*)")
OUTPUTS = re.compile(r"Task '[\w-]+' outputs:")
STEP_INDENT = "    "  # kfp's indentation of a step's lines
RULE = "-----"  # kfp ends each step with a line of these


class RunLog(io.TextIOBase):
    """Writes what kfp prints to a file, and the steps' own lines to the terminal.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.error = ""
        self.done: dict[str, str] = {}  # by step: first digits of its key if it came from the cache
        self._terminal = sys.stdout
        self._file = path.open("w", encoding="utf-8")
        self._pending = ""
        self._skip_to: str | None = None  # the line that ends a dump of kfp

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.write(public(self._pending))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def write(self, text: str) -> int:
        """Write text, whole lines or parts of lines."""
        *lines, self._pending = (self._pending + text).split("\n")
        for line in map(public, lines):  # a library's traceback may show a URL with its secrets
            self._file.write(f"{line}\n")
            self._show(COLOUR.sub("", line))
        return len(text)

    def flush(self) -> None:
        """Flush file and terminal."""
        self._file.flush()
        self._terminal.flush()

    def _show(self, line: str) -> None:
        own = line.removeprefix(STEP_INDENT)
        if found := ERROR.match(own):
            self.error = found["text"]
        if found := STARTS.search(line) or CACHED.search(line):
            what = " (taken from the cache)" if found.re is CACHED else ""
            self._say(f"── {found['step']}{what}")
            if found.re is CACHED:
                self.done[found["step"]] = found["key"]
        elif found := ENDS_WELL.search(line):
            self.done[found["step"]] = ""
        elif self._is_a_steps_own(line) and own.strip():
            self._say(line)

    def _say(self, line: str) -> None:
        # Not print: kfp replaces it by one that indents while a step runs.
        self._terminal.write(line + "\n")
        self._terminal.flush()

    def _is_a_steps_own(self, line: str) -> bool:
        """Whether a line is the step's own, not kfp's or part of its dumps of inputs and outputs."""
        if self._skip_to is not None:
            self._skip_to = None if line.startswith(self._skip_to) else self._skip_to
            return False
        if "[KFP Executor" in line:
            self._skip_to = STEP_INDENT + "}" if line.endswith("executor_input:") else None
            return False
        if OUTPUTS.search(line):
            self._skip_to = RULE
        return line.startswith(STEP_INDENT)


@contextmanager
def run_log(path: Path) -> Iterator[RunLog]:
    """Redirect what kfp prints and logs to a RunLog.

    Args:
        path: File for the whole output.

    Yields:
        The log; `error` is the last AslError of a step.
    """
    root = logging.getLogger()
    with RunLog(path) as log, redirect_stdout(log):
        handler, level = logging.StreamHandler(log), root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            yield log
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
