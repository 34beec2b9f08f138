"""The pretrained weights are read only as they were published."""

from pathlib import Path

import pytest

from asl_pkg.errors import SettingError
from asl_pkg.lineage.sbom import PretrainedFile
from asl_pkg.models.hand.weights import HAND_LANDMARKS, PALM_DETECTOR, PRETRAINED, VARIABLE, read_weights


@pytest.mark.parametrize("file", PRETRAINED, ids=lambda file: file.name)
def test_installed_weights_are_read(file: PretrainedFile) -> None:
    assert len(read_weights(file)) > 1_000_000


def test_a_missing_file_is_named_with_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(SettingError, match=rf"{PALM_DETECTOR.name} in {tmp_path}.*make install"):
        read_weights(PALM_DETECTOR)


def test_an_altered_file_is_refused_with_both_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = bytearray(read_weights(HAND_LANDMARKS))
    altered[-1] ^= 1
    (tmp_path / HAND_LANDMARKS.name).write_bytes(altered)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(SettingError, match=rf"SHA-256 (?!{HAND_LANDMARKS.sha256}).*{HAND_LANDMARKS.sha256}"):
        read_weights(HAND_LANDMARKS)
