"""Signatures: the private key signs, and with the public key everything else is refused."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.bundle import signature
from asl_pkg.bundle.bundle import open_bundle, seal
from asl_pkg.bundle.manifest import read_manifest
from asl_pkg.deploy import deploy, rollback
from asl_pkg.deployment.local import LocalTarget
from asl_pkg.errors import BundleError, SettingError
from asl_pkg.export import export
from asl_pkg.key import make_keys
from asl_pkg.storage.atomic import sha256
from asl_pkg.validate import validate
from asl_pkg.validation.report import read_report
from tests.conftest import Asl
from tests.support.exported import Exported, settings


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def signed(exported: Exported, keys: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a signed bundle and the signed report on it."""
    folder = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(contract.SIGNING_KEY_VARIABLE, str(keys[0]))
        export(settings(), exported.checkpoint, folder / "bundle")
        validate(settings(), folder / "bundle", exported.dataset, exported.checkpoint, folder / "report")
    return folder


@pytest.fixture
def work(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "work"))


@pytest.fixture
def _demanded(keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, str(keys[1]))


def other_threshold(work: Path) -> None:
    body = json.loads((work / "bundle" / contract.BUNDLE_FILE).read_text())
    (work / "bundle" / contract.BUNDLE_FILE).write_text(json.dumps(body | {"confidence_threshold": 0.1}))


def sealed_again(work: Path) -> None:
    with (work / "bundle" / contract.DRIFT_FILE).open("a") as file:
        file.write(" ")
    seal(work / "bundle", read_manifest(work / "bundle" / contract.BUNDLE_FILE))


def unsigned(work: Path) -> None:
    (work / "bundle" / contract.SIGNATURE_FILE).unlink()


def signed_by_another(work: Path) -> None:
    private, _ = make_keys(work / "other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(contract.SIGNING_KEY_VARIABLE, str(private))
        signature.sign(work / "bundle", work / "bundle" / contract.SIGNATURE_FILE)


def no_signature_at_all(work: Path) -> None:
    (work / "bundle" / contract.SIGNATURE_FILE).write_text("{}")


def huge(work: Path) -> None:
    (work / "bundle" / contract.SIGNATURE_FILE).write_bytes(b" " * 2**21)


def of_the_report(work: Path) -> None:
    shutil.copy(work / "report" / contract.REPORT_SIGNATURE, work / "bundle" / contract.SIGNATURE_FILE)


@pytest.mark.usefixtures("_demanded")
def test_what_was_signed_is_opened_also_under_another_name_and_by_a_link(work: Path) -> None:
    (work / "bundle").rename(work / "moved")
    (work / "link").symlink_to("moved")
    assert open_bundle(work / "link").signature.startswith("signed with the key of")


@pytest.mark.usefixtures("_demanded")
@pytest.mark.parametrize(
    "change",
    [other_threshold, sealed_again, unsigned, signed_by_another, no_signature_at_all, huge, of_the_report],
    ids=lambda change: change.__name__,
)
def test_a_bundle_is_refused_that_the_owner_of_the_key_did_not_sign(work: Path, change: Callable[[Path], None]) -> None:
    change(work)
    with pytest.raises(BundleError, match=r"signed|signature") as refusal:
        open_bundle(work / "bundle")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "change", [other_threshold, sealed_again, unsigned, signed_by_another], ids=lambda change: change.__name__
)
def test_without_a_public_key_digests_alone_decide(work: Path, change: Callable[[Path], None]) -> None:
    change(work)
    open_bundle(work / "bundle")


def better_numbers(work: Path) -> None:
    """A report that says more than was measured and is right in itself."""
    path = work / "report" / contract.REPORT_FILE
    body = json.loads(path.read_text())
    body["headline"] = "100.0% of 1,000,000 test images read correctly"
    path.write_text(json.dumps(body))


def shorter_golden_set(work: Path) -> None:
    golden = work / "report" / contract.GOLDEN_FOLDER / contract.GOLDEN_FILE
    listed = json.loads(golden.read_text())
    golden.write_text(json.dumps(listed | {"images": listed["images"][1:]}))
    path = work / "report" / contract.REPORT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"golden_digest": sha256(golden)}))


def report_unsigned(work: Path) -> None:
    (work / "report" / contract.REPORT_SIGNATURE).unlink()


@pytest.mark.usefixtures("_demanded")
def test_a_signed_report_is_read(work: Path) -> None:
    assert read_report(work / "report").passed


@pytest.mark.usefixtures("_demanded")
@pytest.mark.parametrize(
    "change", [better_numbers, shorter_golden_set, report_unsigned, unsigned, sealed_again], ids=lambda c: c.__name__
)
def test_nothing_is_deployed_that_was_edited_after_it_was_signed(work: Path, change: Callable[[Path], None]) -> None:
    change(work)
    chosen = dataclasses.replace(settings(), store=str(work / "store"))
    with pytest.raises(BundleError, match="signed|signature"):
        deploy(chosen, work / "bundle", work / "report")
    assert not (work / "store").exists()


def test_where_signatures_are_demanded_nothing_is_deployed_unless_they_are_checked(
    work: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalTarget, "demands_signature", lambda _: True)
    chosen = dataclasses.replace(settings(), store=str(work / "store"))
    for verb in (lambda: deploy(chosen, work / "bundle", work / "report"), lambda: rollback(chosen)):
        with pytest.raises(SettingError, match=f"signed bundles only.*{contract.PUBLIC_KEY_VARIABLE}"):
            verb()
    assert not (work / "store" / contract.KUBERNETES_NAME).exists()
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, str(keys[1]))
    assert deploy(chosen, work / "bundle", work / "report").previous is None


@pytest.mark.parametrize("change", [better_numbers, shorter_golden_set], ids=lambda change: change.__name__)
def test_only_a_signature_tells_such_a_report(work: Path, change: Callable[[Path], None]) -> None:
    change(work)
    assert read_report(work / "report").passed


def test_another_program_verifies_the_signature(signed: Path, keys: tuple[Path, Path]) -> None:
    bundle = signed / "bundle"
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(bundle)]
    command += ["--signature", str(bundle / contract.SIGNATURE_FILE), "--public_key", str(keys[1])]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_verify_says_what_is_known_of_the_signature(
    asl: Asl, signed: Path, exported: Exported, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "files match their digests; not signed" in asl("verify", str(exported.bundle)).stdout
    assert "signed (signer not verified; set ASL_PUBLIC_KEY)" in asl("verify", str(signed / "bundle")).stdout
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, str(keys[1]))
    assert f"signed with the key of {keys[1]}" in asl("verify", str(signed / "bundle")).stdout
    refused = asl("verify", str(exported.bundle))
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "is not signed" in refused.stderr


def test_a_key_pair_is_made_once_and_its_private_half_is_for_its_owner_alone(asl: Asl, tmp_path: Path) -> None:
    made = asl("key")
    private, public = (tmp_path / contract.KEYS_FOLDER / name for name in (contract.SIGNING_KEY, contract.PUBLIC_KEY))
    assert f"export {contract.SIGNING_KEY_VARIABLE}={private}" in made.stdout
    assert private.stat().st_mode & 0o777 == 0o600
    before = private.read_bytes(), public.read_bytes()
    again = asl("key")
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    assert (private.read_bytes(), public.read_bytes()) == before


def test_a_key_made_later_or_another_one_is_another_signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(contract.SIGNING_KEY_VARIABLE, raising=False)
    signers = [signature.signer()]
    for name in ("one", "one", "other"):
        private = tmp_path / name / contract.SIGNING_KEY
        monkeypatch.setenv(
            contract.SIGNING_KEY_VARIABLE, str(private if private.exists() else make_keys(private.parent)[0])
        )
        signers.append(signature.signer())
    assert signers[0] == ""
    assert signers[1] == signers[2] != signers[3]
    monkeypatch.delenv(contract.SIGNING_KEY_VARIABLE)
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, str(tmp_path / "one" / contract.PUBLIC_KEY))
    assert signature.signer() == signers[1]  # who submits a pipeline that signs with a key that only the cluster has


def test_a_pods_keys_are_mounted_and_a_variable_names_others(
    signed: Path, keys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(signature.MOUNTED, contract.PUBLIC_KEY_VARIABLE, make_keys(tmp_path / "other")[1])
    with pytest.raises(BundleError, match="does not match its signature, checked with .*signing.pub"):
        open_bundle(signed / "bundle")
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, str(keys[1]))
    open_bundle(signed / "bundle")


@pytest.mark.parametrize("variable", [contract.SIGNING_KEY_VARIABLE, contract.PUBLIC_KEY_VARIABLE])
@pytest.mark.parametrize("text", [None, "no key"], ids=["missing", "no key"])
def test_a_key_that_cannot_be_read_is_named_with_its_variable(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, text: str | None
) -> None:
    if text:
        (tmp_path / "key").write_text(text)
    monkeypatch.setenv(variable, str(tmp_path / "key"))
    use = signature.sign if variable == contract.SIGNING_KEY_VARIABLE else signature.check_signature
    with pytest.raises(SettingError, match=f"{variable}=.*`asl key` makes a pair"):
        use(signed / "bundle", signed / "bundle" / contract.SIGNATURE_FILE)


def test_a_key_may_lie_in_the_home_folder(
    signed: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(keys[1].parent))
    monkeypatch.setenv(contract.PUBLIC_KEY_VARIABLE, f"~/{keys[1].name}")
    assert open_bundle(signed / "bundle").release
