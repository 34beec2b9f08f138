"""Our Triton and transformer against ONNX Runtime in process and Python servers, on the same model and image.

    python -m benchmarks.serving BUNDLE --work FOLDER [--seconds 10] [--peers in-process,triton-binary] [--json FILE]

Each peer has an environment of its own in the work folder. Copies of the model and threads of a copy are swept over
{1,2}x{1,2}; each peer's best row is shown, with its ratios to ONNX Runtime in process.
"""

import argparse
import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnxruntime
import psutil

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle, open_bundle
from benchmarks.serving_endpoints import FOREIGN, OURS, Endpoint, endpoint, image

CLIENTS = (1, 8, 32)
IN_PROCESS = "in-process"
HEADER = (
    "peer           clients copies threads  per s  ratio  p50 ms  ratio  p99 ms  MiB  wire bytes  load cores failed"
)


@dataclass(frozen=True)
class Row:
    """One measurement; load_cores is what the load generator itself took of the machine."""

    peer: str
    clients: int
    copies: int
    threads: int
    per_s: float
    p50_ms: float
    p99_ms: float
    memory_mib: float
    wire_bytes: int
    load_cores: float
    failed: int


def rows(peer: str, bundle: Bundle, work: Path, seconds: float) -> Iterator[Row]:
    """Measure a peer.

    Args:
        peer: IN_PROCESS, or one of OURS or FOREIGN.
        bundle: Bundle to serve.
        work: folder for what it needs.
        seconds: Length of a measurement.

    Yields:
        One row a setting and number of clients.
    """
    for copies, threads in itertools.product((1,) if peer == IN_PROCESS else (1, 2), (1, 2)):
        with contextlib.ExitStack() as ends:
            at = None
            if peer != IN_PROCESS:
                at = ends.enter_context(endpoint(peer, bundle, work, copies, threads))
            for clients in CLIENTS:
                said = _load(at, work, clients, seconds) if at else _in_process(bundle, threads, clients, seconds)
                latencies_ms = sorted(1000 * latency_s for latency_s in said["latencies_s"])
                yield Row(
                    peer, clients, copies, threads,
                    per_s=len(said["latencies_s"]) / said["seconds"],
                    p50_ms=statistics.median(latencies_ms),
                    p99_ms=latencies_ms[int(0.99 * len(latencies_ms))],
                    memory_mib=said["memory_mib"],
                    wire_bytes=said["wire_bytes"],
                    load_cores=said["cpu_s"] / said["seconds"],
                    failed=len(said["failed"]),
                )  # fmt: skip


def table(measured: list[Row]) -> str:
    """Each peer's best row for each number of clients, and its ratios to ONNX Runtime in process."""
    lines = [HEADER]
    for clients in CLIENTS:
        best: dict[str, Row] = {}
        for row in (row for row in measured if row.clients == clients):
            best[row.peer] = max(row, best.get(row.peer, row), key=lambda row: row.per_s)
        base = best.get(IN_PROCESS)
        for row in best.values():
            faster, slower = (row.per_s / base.per_s, row.p50_ms / base.p50_ms) if base else (0.0, 0.0)
            settings = f"{row.peer:14} {clients:7} {row.copies:6} {row.threads:7}"
            speed = f"{row.per_s:6.1f} {faster:6.2f} {row.p50_ms:7.2f} {slower:6.2f} {row.p99_ms:7.2f}"
            lines.append(
                f"{settings} {speed} {row.memory_mib:4.0f} {row.wire_bytes:11,} {row.load_cores:11.2f} {row.failed:6}"
            )
    return "\n".join(lines)


def _load(at: Endpoint, work: Path, clients: int, seconds: float) -> dict[str, Any]:
    """Load a server from a process of its own; what that says, and the server's memory."""
    (work / "body").write_bytes(at.body)
    asked = {"url": at.url, "headers": at.headers, "body": str(work / "body"), "clients": clients, "seconds": seconds}
    (work / "request.json").write_text(json.dumps(asked))
    script = Path(__file__).parent / "serving_load.py"
    done = subprocess.run([sys.executable, script, work / "request.json"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    if not said["latencies_s"]:
        raise SystemExit(f"{at.url} answered nothing: {said['failed'][-1]}")
    sent = len(at.body) + sum(len(name) + len(value) + 4 for name, value in at.headers.items())
    return {**said, "memory_mib": _memory_mib(*at.pids), "wire_bytes": sent + said["answer_bytes"]}


def _in_process(bundle: Bundle, threads: int, clients: int, seconds: float) -> dict[str, Any]:
    """ONNX Runtime called by so many threads of this process."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(bundle.model_path), options, providers=["CPUExecutionProvider"])
    pixels, latencies_s = image(), list[float]()
    until = time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < until:
            started = time.monotonic()
            session.run(None, {contract.INPUT_NAME: pixels})
            latencies_s.append(time.monotonic() - started)

    started = time.monotonic()
    callers = [threading.Thread(target=client) for _ in range(clients)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    said = {"latencies_s": latencies_s, "seconds": time.monotonic() - started, "failed": [], "cpu_s": 0.0}
    return {**said, "wire_bytes": 0, "memory_mib": _memory_mib(psutil.Process().pid)}


def _memory_mib(*pids: int) -> float:
    """Of processes and their children; what they share is counted once."""
    roots = [psutil.Process(pid) for pid in pids]
    family = {process for root in roots for process in (root, *root.children(recursive=True))}
    return sum(process.memory_full_info().pss for process in family) / 2**20


def main() -> None:
    """Measure and print."""
    everyone = [IN_PROCESS, *OURS, *FOREIGN]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=everyone, help=",".join(everyone))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bundle, measured = open_bundle(options.bundle), list[Row]()
    for peer in options.peers:
        work = options.work / peer
        work.mkdir(parents=True, exist_ok=True)
        for row in rows(peer, bundle, work, options.seconds):
            measured.append(row)
            print(row, file=sys.stderr, flush=True)
    print(table(measured))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in measured], indent=1))


if __name__ == "__main__":
    main()
