"""Signatures by OpenSSF model signing, detached: over every file of a bundle, and over a report.

The holder of the private key signs; where the public key is set, nothing is accepted that is not signed with it.
Variables name the keys, so that no caller can forget to pass one and no key travels through a pipeline's
parameters; in a pod they are mounted.
https://github.com/sigstore/model-transparency
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.config.load import at_home
from asl_pkg.errors import BundleError, SettingError

MOUNTED = {
    contract.SIGNING_KEY_VARIABLE: Path(contract.SIGNING_KEY_FOLDER, contract.SIGNING_KEY),
    contract.PUBLIC_KEY_VARIABLE: Path(contract.PUBLIC_KEY_FOLDER, contract.PUBLIC_KEY),
}
MAX_SIGNATURE_BYTES = 2**20  # of a signature, which lists a digest a file


def sign(what: Path, signature: Path) -> None:
    """Sign, if a private key is configured.

    Args:
        what: A file, or a folder with every file in it.
        signature: The file to write; in a signed folder, the only file left out.

    Raises:
        SettingError: The private key cannot be read.
    """
    key = _configured(contract.SIGNING_KEY_VARIABLE)
    if key is None:
        return
    from model_signing import signing

    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _unfit(contract.SIGNING_KEY_VARIABLE, key, "private", error) from error
    config.set_hashing_config(_hashing(what, signature)).sign(what.resolve(), signature)


def signer() -> str:
    """Identify the signer here; part of the cache key, so another signer's results are made again.

    Returns:
        SHA-256 of the public key: that of the configured private key, else the configured one; empty if there is
        neither.

    Raises:
        SettingError: The key cannot be read.
    """
    from cryptography.hazmat.primitives import serialization

    def public_half(pem: bytes) -> Any:
        return serialization.load_pem_private_key(pem, None).public_key()

    for variable, kind, read in (
        (contract.SIGNING_KEY_VARIABLE, "private", public_half),
        (contract.PUBLIC_KEY_VARIABLE, "public", serialization.load_pem_public_key),
    ):
        if path := _configured(variable):
            try:
                key = read(path.read_bytes())
            except (OSError, ValueError, TypeError) as error:
                raise _unfit(variable, path, kind, error) from error
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()
    return ""


def check_signature(what: Path, signature: Path) -> None:
    """If a public key is configured, refuse what is not signed with its private key.

    Args:
        what: A file, or a folder with every file in it.
        signature: File of the signature.

    Raises:
        BundleError: It is not signed, or the signature does not match.
        SettingError: The public key cannot be read.
    """
    key = _configured(contract.PUBLIC_KEY_VARIABLE)
    if key is None:
        return
    remedy = f"set {contract.SIGNING_KEY_VARIABLE} to the private key, then run `asl export` and `asl validate` again"
    if not signature.is_file():
        raise BundleError(f"{what} is not signed, but {contract.PUBLIC_KEY_VARIABLE} is set: {remedy}")
    if signature.stat().st_size > MAX_SIGNATURE_BYTES:
        raise BundleError(f"{signature} is larger than {MAX_SIGNATURE_BYTES:,} bytes: it is not a signature")
    from model_signing import verifying

    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _unfit(contract.PUBLIC_KEY_VARIABLE, key, "public", error) from error
    try:
        config.set_hashing_config(_hashing(what, signature)).verify(what.resolve(), signature)
    except Exception as error:  # its exceptions share no base class
        raise BundleError(f"{what} does not match its signature, checked with {key}: {remedy}") from error


def require_public_key(where: str) -> None:
    """Refuse to continue if no signature is checked.

    Args:
        where: Name of what requires signatures.

    Raises:
        SettingError: No public key is configured.
    """
    if _configured(contract.PUBLIC_KEY_VARIABLE) is None:
        raise SettingError(
            f"{where} serves signed bundles only, and {contract.PUBLIC_KEY_VARIABLE} is not set: set it to the "
            "public key of the signer; `asl key` makes a pair"
        )


def signature_status(signature: Path) -> str:
    """Describe the signature of something that passed `check_signature`."""
    if not signature.is_file():
        return "not signed"
    key = _configured(contract.PUBLIC_KEY_VARIABLE)
    unverified = f"signed (signer not verified; set {contract.PUBLIC_KEY_VARIABLE})"
    return f"signed with the key of {key}" if key else unverified


def _configured(variable: str) -> Path | None:
    """The key that a variable names, else the one mounted in the pod."""
    if value := os.environ.get(variable):
        return Path(at_home(value))
    return MOUNTED[variable] if MOUNTED[variable].is_file() else None


def _hashing(what: Path, signature: Path) -> Any:
    from model_signing import hashing

    beside = [signature.name] if what.is_dir() else []
    return hashing.Config().set_ignored_paths(paths=beside, ignore_git_paths=False)


def _unfit(variable: str, key: Path, kind: str, error: Exception) -> SettingError:
    return SettingError(f"{variable}={key} is not a {kind} EC key in PEM format ({error}): `asl key` makes a pair")
