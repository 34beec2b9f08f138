"""Takes the screenshots in docs/images with Chromium, headless and offline: screenshots.py RUN [--page URL] …

RUN is a folder with the results of `asl demo`, such as runs/demo: the audit page and the report page in it are taken.
The URL of --page is the one that `asl serve` on that run's bundle prints: a drawn hand signs before the fake camera.
The URL of --pipeline is the page of a run in the Kubeflow Pipelines UI of this machine: its graph is taken too.
"""

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.film import EMPTY, Film

IMAGES = Path(__file__).parent / "images"
CLICKED_MS = 4000
SETTLES_MS = 20_000  # until a page shows what it asks its server for
LIMIT = 100_000  # bytes of a screenshot in the repository
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {"audit": ("audit.html", (1100, 900)), "report": ("report.html", (1100, 900))}
OPTIONS = (
    "--no-sandbox", "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--use-fake-device-for-media-stream",
)  # fmt: skip
LAPTOP, PHONE = (1280, 720), (390, 780)
WORD, SEED, SIGNER, FILM_PX = "HELLO", 7, 12, 600
SHOWN_MS = 500


@contextmanager
def browser_page(size: tuple[int, int], *flags: str) -> Iterator[Page]:
    """A page of Chromium."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*OPTIONS, *flags])
        viewport = {"width": size[0], "height": size[1]}
        yield browser.new_page(viewport=viewport, permissions=["camera"])  # type: ignore[arg-type]
        browser.close()


def save(page: Page, image: Path) -> None:
    """Write what the page shows as WebP, with the highest quality that fits."""
    pixels = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for quality in range(90, 30, -10):
        pixels.save(image, quality=quality, method=6)
        if image.stat().st_size <= LIMIT:
            return
    sys.exit(f"{image} has more than {LIMIT:,} bytes at any quality: take a smaller part of the page")


def take(url: str, size: tuple[int, int], image: Path, clicks: Sequence[str] = ()) -> None:
    """Take the top of a page after clicks on these buttons."""
    with browser_page(size) as page:
        page.goto(url)
        page.wait_for_timeout(SETTLES_MS)
        for selector in clicks:
            page.click(selector)
            page.wait_for_timeout(CLICKED_MS)
        save(page, image)


def film_of(word: str, path: Path) -> Path:
    """A drawn hand that spells a word, and holds its last letter."""
    film = Film(SEED, SIGNER, FILM_PX)
    film.hold(EMPTY, 1.0)
    for before, sign in zip(" " + word, word[:-1], strict=False):
        film.hold(EMPTY, 0.8 if sign == before else 0.0)
        film.hold(sign, 1.6)
    film.hold(EMPTY, 0.8)
    film.hold(word[-1], 5.0)
    return film.save(path)


def take_signing(url: str) -> None:
    """Take the page, on a laptop and on a phone, while a drawn hand signs."""
    with tempfile.TemporaryDirectory() as folder:
        film = film_of(WORD, Path(folder, "film.mjpeg"))
        for name, size in (("page", LAPTOP), ("page_phone", PHONE)):
            with browser_page(size, f"--use-file-for-fake-video-capture={film}") as page:
                page.goto(url)
                page.click("#start")
                expect(page.locator("#text")).to_have_value(WORD, timeout=30_000)
                page.wait_for_timeout(SHOWN_MS)
                save(page, IMAGES / f"{name}.webp")


def main() -> None:
    """Take the screenshots of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"))
    parser.add_argument("--page", metavar="URL", help="page that `asl serve` names")
    parser.add_argument("--pipeline", metavar="URL", help="page of a run in the Kubeflow Pipelines UI")
    arguments = parser.parse_args()
    for name, (file, size) in PAGES.items():
        found = sorted(arguments.run.rglob(file), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"no {file} under {arguments.run}: `make demo` makes one")
        take(found[-1].resolve().as_uri(), size, IMAGES / f"{name}.webp")
    if arguments.page:
        take_signing(arguments.page)
    if arguments.pipeline:
        clicks = ("text=/^steps$/i", "text=/^open sub-dag$/i", ".react-flow__controls-fitview")
        take(arguments.pipeline, (1400, 1000), IMAGES / "pipeline.webp", clicks)


if __name__ == "__main__":
    main()
