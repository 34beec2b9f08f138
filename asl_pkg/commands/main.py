"""Parse the command line, call the verb, and turn an error into one line and an exit code."""

import contextlib
import functools
import io
import os
import pwd
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from asl_pkg import contract
from asl_pkg.commands.failures import explain_error
from asl_pkg.commands.help import nearest, overview, verb_help
from asl_pkg.commands.registry import VERBS
from asl_pkg.urls import public

NO_HOME = "/dev/null/home"  # nobody, not even root, can create this folder


def main() -> NoReturn:
    """Run one verb and exit: 0, 1 for an error, 2 for an unknown verb or flag, 130 when interrupted."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    warnings.showwarning = lambda message, *_: print(f"asl: warning: {public(str(message))}", file=sys.stderr)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    _settle()
    try:
        code = _dispatch([word for word in arguments if word != "--debug"])
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # `asl infer … | head`: the reader has read enough
        _silence()
        sys.exit(1)
    except Exception as error:
        if debug:
            print(public(traceback.format_exc()), end="", file=sys.stderr)
        _silence()
        print(public(f"asl: {explain_error(error)}"), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        _end_children()
        print("asl: interrupted", file=sys.stderr)
        sys.exit(130)


def _settle() -> None:
    """Print any file name, and provide HOME and LOGNAME where the system has none.

    A numeric user in a container may have no entry in passwd and no HOME; packages ask for both on import.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path's own raises where there is none
        os.environ["HOME"] = NO_HOME
    with contextlib.suppress(KeyError):
        pwd.getpwuid(os.getuid())
        return
    os.environ.setdefault("LOGNAME", str(os.getuid()))


def _silence() -> None:
    """Discard output that can no longer be written, so that the interpreter ends without a message."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _raise_interrupt(*_: object) -> NoReturn:
    """Unwind as after Ctrl-C, so that nothing half-written is left."""
    raise KeyboardInterrupt


def _end_children() -> None:
    """End the processes of running steps: Ctrl-C reaches them too, a signal to this process does not."""
    import psutil

    children = psutil.Process().children(recursive=True)
    for grace_s, then in ((2, signal.SIGINT), (10, signal.SIGKILL)):
        _, children = psutil.wait_procs(children, timeout=grace_s)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(then)


def _dispatch(arguments: Sequence[str]) -> int:
    """Print help or the version, or call the verb; returns the exit code."""
    if arguments == ["--version"]:
        print(f"asl {contract.IMAGE_VERSION}")
        return 0
    asks = bool({"--help", "-h"} & set(arguments)) or not arguments
    words = [word for word in arguments if word not in ("--help", "-h")]
    name = next((name for name in (" ".join(words[:2]), *words[:1]) if name in VERBS), "")
    if name and asks:
        print(verb_help(name, VERBS[name]))
        return 0
    if not name and asks and not words:
        print(overview(VERBS))
        return 0
    if not name:
        likely = nearest(" ".join(words[:2]), list(VERBS))
        print(
            f"asl: unknown verb {public(words[0])!r}: did you mean {likely!r}? `asl --help` lists them", file=sys.stderr
        )
        return 2
    return _fire(name, words[len(name.split()) :])


def _fire(name: str, arguments: Sequence[str]) -> int:
    """Call a verb through Fire, which parses the flags of its function; returns the exit code."""
    from fire import Fire
    from fire.core import FireExit
    from fire.decorators import SetParseFn

    bound: list[Callable[[], None]] = []

    # Fire would read `1` as a number and `-` as its separator; here both can be image names.
    @SetParseFn(str)
    @functools.wraps(VERBS[name].function)
    def bind(*words: str, **flags: str) -> None:
        bound.append(functools.partial(VERBS[name].function, *words, **flags))

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            Fire(bind, [*arguments, "--", "--separator", "\0"], f"asl {name}")
    except FireExit as stop:
        text = complaint.getvalue().partition("ERROR: ")[2].splitlines()[0]
        print(public(f"asl {name}: {text}; `asl {name} --help` lists what it takes"), file=sys.stderr)
        return int(stop.code)
    bound[0]()
    return 0
