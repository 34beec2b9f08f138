"""Takes the screenshots in docs/images with Chromium, headless and offline: screenshots.py RUN.

RUN is a folder with the results of `asl demo`, such as runs/demo: the audit page and the report page in it are taken.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"
LIMIT = 100_000  # bytes of a screenshot in the repository
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {"audit": ("audit.html", (1100, 900)), "report": ("report.html", (1100, 900))}
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def take(browser: str, page: Path, size: tuple[int, int], image: Path) -> None:
    """Write the top of a page as WebP, with the highest quality that fits."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder, "shot.png")
        command = [browser, *OPTIONS, f"--user-data-dir={folder}/profile", f"--window-size={size[0]},{size[1]}"]
        subprocess.run([*command, f"--screenshot={shot}", page.resolve().as_uri()], check=True, capture_output=True)
        pixels = Image.open(shot).convert("RGB")
    for quality in range(90, 30, -10):
        pixels.save(image, quality=quality, method=6)
        if image.stat().st_size <= LIMIT:
            return
    sys.exit(f"{image} has more than {LIMIT:,} bytes at any quality: take a smaller part of the page")


def main() -> None:
    """Take the screenshots of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"))
    run = parser.parse_args().run
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("no Chromium here: apt-get install chromium")
    for name, (file, size) in PAGES.items():
        found = sorted(run.rglob(file), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"no {file} under {run}: `make demo` makes one")
        take(browser, found[-1], size, IMAGES / f"{name}.webp")


if __name__ == "__main__":
    main()
