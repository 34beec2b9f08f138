"""Checks a bundle in the pod, then becomes the server: verify_bundle.py FOLDER COMMAND…

bundle.json must have the digest that ASL_BUNDLE_DIGEST says, and every file the one that bundle.json says; `{release}`
in COMMAND stands for the release. It runs in images without this project: standard library only.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

VARIABLE = "ASL_BUNDLE_DIGEST"
MANIFEST = "bundle.json"
OUTSIDE = {MANIFEST, "bundle.sig"}  # what bundle.json does not list
RELEASE_DIGITS = 12  # of the model digest


def sha256(path: Path) -> str:
    """The digest of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def faults(folder: Path, digest: str) -> list[str]:
    """Say what is wrong with a bundle.

    Args:
        folder: where it lies.
        digest: that bundle.json must have.

    Returns:
        A fault each, none where the bundle is whole.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return [f"missing {MANIFEST}"]
    if (found := sha256(manifest)) != digest:
        return [f"changed {MANIFEST}: its SHA-256 is {found}, {VARIABLE} is {digest or 'not set'}"]
    expected = {one["path"]: (one["size"], one["sha256"]) for one in json.loads(manifest.read_bytes())["files"]}
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    links = [name for name, path in paths.items() if path.is_symlink() or not path.is_file()]
    if links:
        return [f"not a plain file {name}" for name in sorted(links)]
    wrong = [f"missing {name}" for name in sorted(expected.keys() - paths.keys())]
    wrong += [f"extra {name}" for name in sorted(paths.keys() - expected.keys() - OUTSIDE)]
    for name in sorted(expected.keys() & paths.keys()):
        if (paths[name].stat().st_size, sha256(paths[name])) != expected[name]:
            wrong.append(f"changed {name}")
    return wrong


def main(folder: Path, command: list[str]) -> None:
    """Check, then hand the process over to the server; exit 1 where the bundle is not what was validated."""
    wrong = faults(folder, os.environ.get(VARIABLE, ""))
    if wrong:
        sys.exit(f"asl: the bundle in {folder} is not what was validated, Triton does not start: {', '.join(wrong)}")
    manifest = json.loads((folder / MANIFEST).read_bytes())
    release = manifest["model_digest"][:RELEASE_DIGITS]
    print(f"asl: release {release}, {len(manifest['files'])} files as validated", flush=True)
    os.execvp(command[0], [word.replace("{release}", release) for word in command])  # noqa: S606 - no shell


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
