"""Takes the screenshots in docs/images with Chromium, headless and offline: screenshots.py RUN [--pipeline URL].

RUN is a folder with the results of `asl demo`, such as runs/demo: the audit page and the report page in it are taken.
URL is the page of a run in the Kubeflow Pipelines UI of this machine: its graph is taken too.
"""

import argparse
import base64
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
import websocket
from PIL import Image

IMAGES = Path(__file__).parent / "images"
CLICKED_S = 4
SETTLES_S = 20  # until a page shows what it asks its server for
LIMIT = 100_000  # bytes of a screenshot in the repository
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {"audit": ("audit.html", (1100, 900)), "report": ("report.html", (1100, 900))}
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)  # fmt: skip


def take(browser: str, url: str, size: tuple[int, int], image: Path, clicks: Sequence[str] = ()) -> None:
    """Write the top of a page as WebP, with the highest quality that fits, after clicks on these buttons."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [browser, *OPTIONS, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}", url]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                time.sleep(SETTLES_S)
                shot = _shot(Path(folder, "DevToolsActivePort"), clicks)
            finally:
                process.terminate()
    pixels = Image.open(io.BytesIO(shot)).convert("RGB")
    for quality in range(90, 30, -10):
        pixels.save(image, quality=quality, method=6)
        if image.stat().st_size <= LIMIT:
            return
    sys.exit(f"{image} has more than {LIMIT:,} bytes at any quality: take a smaller part of the page")


def _shot(port_file: Path, clicks: Sequence[str]) -> bytes:
    """What the browser shows, as PNG, by its DevTools protocol: --screenshot does not wait for requests."""
    port = port_file.read_text().split()[0]
    pages = requests.get(f"http://127.0.0.1:{port}/json", timeout=10).json()
    address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
    connection = websocket.create_connection(address, timeout=60, suppress_origin=True)

    def call(method: str, **parameters: str) -> Any:
        connection.send(json.dumps({"id": 1, "method": method, "params": parameters}))
        return json.loads(connection.recv())["result"]

    for text in clicks:
        named = f"button => [button.innerText.trim().toLowerCase(), ...button.classList].includes({text!r})"
        buttons = "[...document.querySelectorAll('button, .react-flow__controls-button')]"
        call("Runtime.evaluate", expression=f"{buttons}.find({named}).click()")
        time.sleep(CLICKED_S)
    return base64.b64decode(call("Page.captureScreenshot", format="png")["data"])


def main() -> None:
    """Take the screenshots of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"))
    parser.add_argument("--pipeline", metavar="URL", help="page of a run in the Kubeflow Pipelines UI")
    arguments = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("no Chromium here: apt-get install chromium")
    for name, (file, size) in PAGES.items():
        found = sorted(arguments.run.rglob(file), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"no {file} under {arguments.run}: `make demo` makes one")
        take(browser, found[-1].resolve().as_uri(), size, IMAGES / f"{name}.webp")
    if arguments.pipeline:
        take(
            browser,
            arguments.pipeline,
            (1400, 1000),
            IMAGES / "pipeline.webp",
            ("steps", "open sub-dag", "react-flow__controls-fitview"),
        )


if __name__ == "__main__":
    main()
