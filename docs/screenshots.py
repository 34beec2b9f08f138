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
from pathlib import Path

import requests
import websocket
from PIL import Image

IMAGES = Path(__file__).parent / "images"
SETTLES_S = 20  # until a page shows what it asks its server for
LIMIT = 100_000  # bytes of a screenshot in the repository
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {"audit": ("audit.html", (1100, 900)), "report": ("report.html", (1100, 900))}
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)  # fmt: skip


def take(browser: str, url: str, size: tuple[int, int], image: Path) -> None:
    """Write the top of a page as WebP, with the highest quality that fits."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [browser, *OPTIONS, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}", url]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                time.sleep(SETTLES_S)
                shot = _shot(Path(folder, "DevToolsActivePort"))
            finally:
                process.terminate()
    pixels = Image.open(io.BytesIO(shot)).convert("RGB")
    for quality in range(90, 30, -10):
        pixels.save(image, quality=quality, method=6)
        if image.stat().st_size <= LIMIT:
            return
    sys.exit(f"{image} has more than {LIMIT:,} bytes at any quality: take a smaller part of the page")


def _shot(port_file: Path) -> bytes:
    """What the browser shows, as PNG, by its DevTools protocol: --screenshot does not wait for requests."""
    port = port_file.read_text().split()[0]
    pages = requests.get(f"http://127.0.0.1:{port}/json", timeout=10).json()
    address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
    connection = websocket.create_connection(address, timeout=60, suppress_origin=True)
    connection.send(json.dumps({"id": 1, "method": "Page.captureScreenshot", "params": {"format": "png"}}))
    return base64.b64decode(json.loads(connection.recv())["result"]["data"])


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
        take(browser, arguments.pipeline, (1400, 1000), IMAGES / "pipeline.webp")


if __name__ == "__main__":
    main()
