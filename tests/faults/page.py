"""The generated parts of docs/gates.md."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.table import DEFECTS

DOCS = Path(__file__).parents[2] / "docs" / "gates.md"
NOT_RUN = "–"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def defects_table(refused_by: Mapping[str, Sequence[str]]) -> str:
    """Make the table of defects.

    Args:
        refused_by: For each planted defect, everything that refused it.

    Returns:
        Markdown: defect, how it is planted, expected and actual refusals.
    """
    rows = []
    for defect in DEFECTS:
        refused = refused_by.get(defect.name)
        found = NOT_RUN if refused is None else ", ".join(refused) or "nothing"
        verdict = found if refused is None or defect.caught_by in refused else f"**missed**: {found}"
        rows.append((defect.name, defect.how, defect.caught_by, verdict))
    return table(("defect", "how it is planted", "expected", "refused by"), rows)


def write_part(path: Path, part: str, text: str) -> None:
    """Replace the text between the two marks of a part.

    Args:
        path: A Markdown file with `<!-- PART -->` and `<!-- end of PART -->`.
        part: Name of the part.
        text: New text between the marks.
    """
    start, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    pattern = re.compile(f"{re.escape(start)}.*{re.escape(end)}", re.DOTALL)
    path.write_text(pattern.sub(lambda _match: f"{start}\n{text}\n{end}", path.read_text(encoding="utf-8")))
