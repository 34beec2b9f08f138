"""Several sources as one data set."""

import tarfile
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.config.schema import DataSettings, FolderData, MixData, Settings
from asl_pkg.data import sources
from asl_pkg.data.sample import RejectedFile, Sample, Source
from asl_pkg.data.sources import mix, open_source
from asl_pkg.errors import DataError
from asl_pkg.pull import pull
from tests.support.making import encoded, noise, public_folder


@pytest.fixture
def ann(tmp_path: Path) -> Path:
    return public_folder(tmp_path / "ann", 2)


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    """A tar: nobody knows how many images it has before its end."""
    public_folder(tmp_path / "unpacked", 1)
    (tmp_path / "unpacked/README.txt").write_text("not an image")
    with tarfile.open(tmp_path / "bob.tar.gz", "w:gz") as file:
        file.add(tmp_path / "unpacked", "unpacked")
    return tmp_path / "bob.tar.gz"


def opened(path: str, tmp_path: Path) -> Source:
    return open_source(MixData(path=path), 7, tmp_path / "downloads")


def test_every_part_is_a_signer_with_paths_of_its_own(ann: Path, bob: Path, tmp_path: Path) -> None:
    found = list(opened(f"ann={ann},bob={bob}", tmp_path).read(0))
    images = [item for item in found if isinstance(item, Sample)]
    assert {(item.signer, item.path.partition("/")[0]) for item in images} == {("ann", "ann"), ("bob", "bob")}
    assert [item.path for item in found if isinstance(item, RejectedFile)] == ["bob/unpacked/README.txt"]
    assert len(images) == len({item.path for item in images}) == 3 * len(contract.CLASSES)


@pytest.mark.parametrize("start", [0, 1, 28, 29, 30, 40, 57, 58, 59, 70, 86, 88, 89])
def test_reading_starts_anywhere(ann: Path, bob: Path, tmp_path: Path, start: int) -> None:
    for path in (f"ann={ann},bob={bob}", f"bob={bob},ann={ann}"):
        source = opened(path, tmp_path)
        assert list(source.read(start)) == list(source.read(0))[start:]


def test_a_part_keeps_its_signers_and_decides_no_split(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def two_signers(settings: DataSettings, seed: int, downloads: Path) -> Source:
        made = [Sample(b"", f"A/{signer}.jpg", 0, signer, "A/recording", 0, "test") for signer in ("x", "y")]
        return Source(lambda start: iter(made[start:]), len(made), "")

    monkeypatch.setattr(sources, "open_source", two_signers)
    source = mix.open_source(MixData(path="one=s3://bucket/a,two=s3://bucket/b,synthetic"), 7, tmp_path)
    found = list(source.read(0))
    assert [item.signer for item in found] == ["one/x", "one/y", "two/x", "two/y", "synthetic/x", "synthetic/y"]
    assert {item.split for item in found} == {None}
    assert source.total == 6
    assert list(source.read(3)) == found[3:]


def test_the_state_changes_with_that_of_a_part(ann: Path, bob: Path, tmp_path: Path) -> None:
    text = f"ann={ann},bob={bob}"
    before = opened(text, tmp_path).state
    assert opened(text, tmp_path).state == before
    (ann / "asl_alphabet_train/A/A9.jpg").write_bytes(encoded(noise(9)))
    assert opened(text, tmp_path).state != before


def test_three_parts_are_split_by_signer(ann: Path, bob: Path, tmp_path: Path) -> None:
    cleo = public_folder(tmp_path / "cleo", 3)
    for number, file in enumerate(sorted(cleo.rglob("*.jpg"))):
        file.write_bytes(encoded(noise(500_000 + number)))
    for number, file in enumerate(sorted(ann.rglob("*.jpg"))):
        file.write_bytes(encoded(noise(700_000 + number)))
    info = pull(Settings(data=MixData(path=f"ann={ann},bob={bob},cleo={cleo}")), tmp_path / "dataset")
    assert info.split_by == "signer"
    assert info.signers == {"train": 1, "validation": 1, "test": 1}


def test_a_data_set_of_ours_can_be_a_part(ann: Path, tmp_path: Path) -> None:
    public_folder(ann, 20)
    pull(Settings(data=FolderData(path=str(ann), block_frames=4, guard_frames=0)), tmp_path / "dataset")
    found = list(opened(f"old={tmp_path / 'dataset'},ann={ann}", tmp_path).read(0))
    assert {item.signer for item in found} == {"old", "ann"}


@pytest.mark.parametrize(
    "path",
    ["", "ann=x", "x,y", "ann=x,ann=y", "ann=,bob=y", "a/b=x,bob=y", "..=x,bob=y", "synthetic", "synthetic,synthetic"],
)
def test_what_is_no_list_of_parts_is_refused_in_one_line(path: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected") as refusal:
        opened(path, tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_part_that_is_missing_is_named(ann: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.zip"):
        opened(f"ann={ann},bob=nowhere.zip", tmp_path)


@pytest.mark.parametrize("start", [0, 10])
def test_a_part_without_an_image_is_refused_by_its_name(ann: Path, tmp_path: Path, start: int) -> None:
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob/bob.zip").write_bytes(b"")
    with pytest.raises(DataError, match="part bob of the mix holds no image"):
        list(opened(f"ann={ann},bob={tmp_path / 'bob'}", tmp_path).read(start))
