"""The report: measurements on a bundle, the gates' verdicts, and whether it may be served."""

from dataclasses import dataclass
from pathlib import Path

from asl_pkg import contract
from asl_pkg.bundle import signature
from asl_pkg.errors import BundleError, GateError
from asl_pkg.storage import atomic
from asl_pkg.storage.json_model import parse_json, read_schema_version
from asl_pkg.validation.gates import verdict_is_consistent
from asl_pkg.validation.model_card import external_line
from asl_pkg.validation.report_body import ReportBody


@dataclass(frozen=True)
class Report:
    """A report on disk.

    Args:
        folder: Folder of the report.
        body: The contents of report.json.
    """

    folder: Path
    body: ReportBody

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return self.body.passed

    @property
    def failed(self) -> list[str]:
        """Names of the gates that failed."""
        return [gate.name for gate in self.body.gates if not gate.passed]

    @property
    def accuracy(self) -> float:
        """Share of correct answers on the test images; 0 if the model could not be run."""
        return self.body.metrics.accuracy.value if self.body.metrics else 0.0

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes; 0 if the model could not be run."""
        return self.body.metrics.macro_f1.value if self.body.metrics else 0.0

    @property
    def summary(self) -> str:
        """The verdict and the headline, in one line."""
        gates = len(self.body.gates)
        verdict = "passed" if self.passed else "refused"
        return f"{verdict}, {gates - len(self.failed)} of {gates} gates: {self.body.headline}"

    @property
    def external(self) -> str:
        """Results on other people's images, in one line; empty if there were none."""
        return external_line(self.body.external) if self.body.external else ""

    @property
    def bundle_digest(self) -> str:
        """Digest of the bundle that was validated."""
        return self.body.bundle_digest

    @property
    def digest(self) -> str:
        """SHA-256 of report.json, which names the digest of the golden set."""
        return atomic.sha256(self.folder / contract.REPORT_FILE)

    @property
    def golden_folder(self) -> Path:
        """Folder of the golden set."""
        return self.folder / contract.GOLDEN_FOLDER


def read_report(folder: Path) -> Report:
    """Read a report; check that its verdict agrees with its numbers, and its signature if a key is configured.

    Args:
        folder: Folder that `asl validate` wrote.

    Returns:
        The report, passed or not.

    Raises:
        BundleError: It is missing, damaged, of another schema, contradicts itself, its golden set was changed, or it is
            not signed with the required key.
    """
    path = folder / contract.REPORT_FILE
    if not path.is_file():
        raise BundleError(f"no report in {folder}: `asl validate` writes one")
    signature.check_signature(path, folder / contract.REPORT_SIGNATURE)
    try:
        text = path.read_bytes()
        version = read_schema_version(text)
        if version != contract.REPORT_SCHEMA:
            raise BundleError(
                f"{path} has schema {version}, expected {contract.REPORT_SCHEMA}: run `asl validate` again"
            )
        body = parse_json(ReportBody, text)
    except ValueError as error:
        raise BundleError(f"{path} is damaged ({error}): `asl validate` writes a new one") from error
    if not verdict_is_consistent(body):
        raise BundleError(f"{path}: the verdict contradicts its numbers: `asl validate` writes a new one")
    golden = folder / contract.GOLDEN_FOLDER / contract.GOLDEN_FILE
    if body.passed and (not golden.is_file() or atomic.sha256(golden) != body.golden_digest):
        raise BundleError(f"{golden} does not belong to the report: `asl validate` writes both")
    return Report(folder, body)


def raise_refusal(folder: Path) -> None:
    """Raise an error that names the failed gates.

    Args:
        folder: Folder that `asl validate` wrote.

    Raises:
        GateError: Always.
    """
    failed = ", ".join(read_report(folder).failed)
    raise GateError(f"not fit to be served; failed gates: {failed} (see {folder / contract.REPORT_PAGE})")
