"""Write STATUS.md: how far each folder of manifests/ was tested on a Kubernetes API server.

It uses the server of KUBECONFIG. Earlier results for the same contents stay, so that two servers, one with a node and
one with more kinds, complement each other.
"""

import datetime
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MANIFESTS = Path(__file__).parent
STATUS = MANIFESTS / "STATUS.md"
FAR = ("not rendered: it is fetched from its makers", "rendered only", "dry run with the real CRDs", "ran on a cluster")
ROW = re.compile(
    r"\| (?P<folder>\S+) \| (?P<contents>[0-9a-f]{12}) \| (?P<far>[^|]+) \| (?P<server>[^|]*) \| (?P<date>[^|]*) \|"
)
OUR_VERSION = re.compile(r"(?<=: )(\S+/)?(asl-[a-z]+):\d+\.\d+\.\d+$", re.MULTILINE)
HEAD = f"""# How far each manifest was tested on a cluster

Written by `make status` with the API server of KUBECONFIG; `contents` is the SHA-256 of a folder's rendered objects,
without the version of our container images; a test refuses a row about other contents. *{FAR[3]}*: every
object exists as rendered. *{FAR[2]}*: a server with all its kinds accepts it. *{FAR[1]}*: kustomize renders
it. A component is rendered on the overlay kind.

| folder | contents | how far | Kubernetes | date |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """What is known about a folder.

    Args:
        folder: Path in manifests/.
        contents: Digest of the rendered objects.
        far: One of FAR.
        server: Version of Kubernetes; empty without a server.
        date: Date of the result, ISO.
    """

    folder: str
    contents: str
    far: str
    server: str
    date: str


def folders() -> list[str]:
    """Every kustomization in manifests/, in the order of their names."""
    return sorted(path.parent.relative_to(MANIFESTS).as_posix() for path in MANIFESTS.rglob("kustomization.yaml"))


def fetched(folder: str) -> bool:
    """Whether rendering downloads files."""
    return "https://" in (MANIFESTS / folder / "kustomization.yaml").read_text(encoding="utf-8")


def render(folder: str) -> str:
    """The rendered objects of a folder as YAML; for a downloaded one, its own files."""
    if fetched(folder):
        return "".join(path.read_text(encoding="utf-8") for path in sorted((MANIFESTS / folder).glob("*.yaml")))
    if not folder.startswith("components/"):
        return _kubectl("kustomize", str(MANIFESTS / folder))
    with tempfile.TemporaryDirectory() as place:  # kustomize wants components in the tree of what uses them
        shutil.copytree(MANIFESTS, Path(place) / "manifests")
        text = {"kind": "Kustomization", "resources": ["manifests/overlays/kind"]}
        Path(place, "kustomization.yaml").write_text(json.dumps(text | {"components": [f"manifests/{folder}"]}))
        return _kubectl("kustomize", place)


def contents(folder: str) -> str:
    """First digits of the digest of the rendered objects; our version does not change it."""
    return hashlib.sha256(OUR_VERSION.sub(r"\1\2", render(folder)).encode()).hexdigest()[:12]


def read() -> dict[str, Row]:
    """The rows of STATUS.md, by folder."""
    text = STATUS.read_text(encoding="utf-8") if STATUS.exists() else ""
    return {match["folder"]: Row(**match.groupdict()) for match in ROW.finditer(text)}


def find(folder: str, server: str) -> Row:
    """Test a folder on the server."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    far = FAR[0] if fetched(folder) else FAR[1]
    if server and far == FAR[1]:
        objects = render(folder)
        dry_run = ["kubectl", "apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-"]
        if _succeeds(dry_run, objects):
            far = FAR[3] if _succeeds(["kubectl", "diff", "-f", "-"], objects) else FAR[2]
    return Row(folder, contents(folder), far, server if FAR.index(far) > 1 else "", today)


def main() -> None:
    """Write STATUS.md."""
    version = subprocess.run(["kubectl", "version", "-o", "json"], capture_output=True, text=True, check=False)
    server = json.loads(version.stdout).get("serverVersion", {}).get("gitVersion", "") if version.stdout else ""
    before, rows = read(), []
    for folder in folders():
        row, old = find(folder, server), before.get(folder)
        if old and old.contents == row.contents and FAR.index(old.far) >= FAR.index(row.far):
            row = old
        rows.append(row)
        print(f"{row.folder}: {row.far}")
    lines = [f"| {row.folder} | {row.contents} | {row.far} | {row.server} | {row.date} |" for row in rows]
    STATUS.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def _kubectl(*arguments: str) -> str:
    return subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=True).stdout


def _succeeds(command: list[str], objects: str) -> bool:
    return subprocess.run(command, input=objects, capture_output=True, text=True, check=False).returncode == 0


if __name__ == "__main__":
    main()
