"""Only what this product wrote is removed or replaced, whatever a setting names."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from asl_pkg import contract
from asl_pkg.errors import SettingError
from asl_pkg.storage import outputs
from asl_pkg.storage.outputs import BUNDLE, CHECKPOINTS, DATASET, DECODED, MONITOR, PLOTS, REPORT, TRAINING, OutputKind

WHOLE = (DATASET, BUNDLE, REPORT, CHECKPOINTS, PLOTS, DECODED)
DATASET_FACTS = {"schema_version": 2, "digest": "d", "fingerprint": "f", "split_by": "signer"}
FACTS = {
    DATASET: {contract.DATASET_FILE: DATASET_FACTS, "train-00000-of-00001.parquet": {}},
    BUNDLE: {
        contract.BUNDLE_FILE: {"schema_version": 1, "model_digest": "m", "files": [{"path": contract.MODEL_FILE}]},
        contract.MODEL_FILE: {},
    },
    REPORT: {
        contract.REPORT_FILE: {"schema_version": 1, "gates": [], "bundle_digest": "b", "golden_digest": "g"},
        "golden/A.png": {},
        "golden/golden.json": {},
    },
    PLOTS: dict.fromkeys(contract.PLOTS, {}),
    CHECKPOINTS: {"best.ckpt": {}, "../metrics.json": {"best_epoch": 1, "epochs": 1, "temperature": 1, "seconds": 1}},
    DECODED: {"pixels.npy": {}, "labels.npy": {}},
}  # what the version without markers wrote
Snapshot = dict[str, tuple[int, bytes | str | None]]


def snapshot(root: Path) -> Snapshot:
    """Every file, link and folder with its inode and contents."""

    def content(path: Path) -> bytes | str | None:
        if path.is_symlink():
            return str(path.readlink())
        return path.read_bytes() if path.is_file() else None

    return {str(path): (path.lstat().st_ino, content(path)) for path in sorted(root.rglob("*"))}


@contextmanager
def unchanged(root: Path) -> Iterator[None]:
    before = snapshot(root)
    yield
    assert snapshot(root) == before


def write(folder: Path, kind: OutputKind, text: str = "new") -> None:
    with outputs.replaced(folder, kind) as beside:
        (beside / "file").write_text(text)
        if kind is BUNDLE:
            said = {"schema_version": 1, "model_digest": "m", "files": [{"path": "file"}]}
            (beside / contract.BUNDLE_FILE).write_text(json.dumps(said))


def former(folder: Path, kind: OutputKind) -> None:
    for name, facts in FACTS[kind].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts))


def user_file(folder: Path) -> None:
    folder.mkdir()
    (folder / "keep.txt").write_text("mine")


def user_folder(folder: Path) -> None:
    (folder / "photographs/A").mkdir(parents=True)
    (folder / "photographs/A/1.jpg").write_text("mine")


def empty_user_folder(folder: Path) -> None:
    (folder / "to be filled").mkdir(parents=True)


def plain_file(folder: Path) -> None:
    folder.write_text("mine")


def link_to_theirs(folder: Path) -> None:
    big = folder.parent / "disk/big"
    big.mkdir(parents=True)
    (big / "keep.txt").write_text("mine")
    folder.symlink_to(big)


def link_to_nothing(folder: Path) -> None:
    folder.symlink_to(folder.parent / "not mounted/big")


def link_to_itself(folder: Path) -> None:
    folder.symlink_to(folder)


def their_namesake(folder: Path) -> None:
    """Another tool's file of the name that ours has."""
    folder.mkdir()
    for name in (contract.DATASET_FILE, contract.REPORT_FILE, contract.BUNDLE_FILE, "best.ckpt", "pixels.npy"):
        (folder / name).write_text("{}")


def damaged_marker(folder: Path) -> None:
    folder.mkdir()
    (folder / outputs.MARKER).write_text("[[[")
    (folder / "file").write_text("whose?")


def another_kind(folder: Path) -> None:
    write(folder, dataclasses.replace(DATASET, what="another thing"))


def ours_with_their_file(folder: Path) -> None:
    write(folder, dataclasses.replace(DATASET, what="data set"))
    (folder / "notes.txt").write_text("mine")


def ours_with_a_link(folder: Path) -> None:
    write(folder, DATASET)
    (folder / "file").rename(folder.parent / "moved")
    (folder / "file").symlink_to(folder.parent / "moved")


CONTENTS = [
    user_file, user_folder, empty_user_folder, plain_file, link_to_theirs, link_to_nothing, link_to_itself,
    their_namesake, damaged_marker, another_kind, ours_with_their_file, ours_with_a_link,
]  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.what)
@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.__name__)
def test_what_is_not_ours_stays_as_it_is(tmp_path: Path, kind: OutputKind, content: Callable[[Path], None]) -> None:
    folder = tmp_path / "set"
    content(folder)
    with unchanged(tmp_path), pytest.raises(SettingError, match=kind.setting or "move it away"):
        write(folder, kind)


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.what)
@pytest.mark.parametrize("name", ["new/set", "empty", "./there/../set"])
def test_what_is_not_there_or_empty_is_written_and_replaced_by_the_next_run(
    tmp_path: Path, kind: OutputKind, name: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "there").mkdir()
    for text in ("first", "second"):
        write(tmp_path / name, kind, text)
    assert (tmp_path / name / "file").read_text() == "second"
    assert not [path for path in tmp_path.rglob(".*") if path.name != outputs.MARKER]


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.what)
def test_what_the_version_without_markers_wrote_is_replaced(tmp_path: Path, kind: OutputKind) -> None:
    former(tmp_path / "work/set", kind)
    write(tmp_path / "work/set", kind)
    assert (tmp_path / "work/set/file").read_text() == "new"
    assert len(list((tmp_path / "work/set").iterdir())) == 2


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.what)
def test_a_users_file_in_what_the_version_without_markers_wrote_stays(tmp_path: Path, kind: OutputKind) -> None:
    former(tmp_path / "work/set", kind)
    (tmp_path / "work/set/notes.txt").write_text("mine")
    with unchanged(tmp_path), pytest.raises(SettingError, match=r"notes\.txt"):
        write(tmp_path / "work/set", kind)


def test_a_bundle_has_no_marker(tmp_path: Path) -> None:
    write(tmp_path / "bundle", BUNDLE)
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == ["bundle.json", "file"]


@pytest.mark.parametrize("content", [Path.mkdir, lambda folder: write(folder, DATASET, "old")], ids=["empty", "ours"])
def test_a_link_stays_and_its_target_gets_the_data(tmp_path: Path, content: Callable[[Path], None]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    content(disk / "big")
    (tmp_path / "set").symlink_to("disk/big")
    write(tmp_path / "set", DATASET)
    assert (tmp_path / "set").readlink() == Path("disk/big")
    assert (disk / "big/file").read_text() == "new"
    assert [path.name for path in disk.iterdir()] == ["big"]


@pytest.mark.parametrize("name", ["", ".", "..", "../work", "there/..", "../../work/.."])
def test_the_working_folder_and_those_above_it_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "work/there").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    with unchanged(tmp_path), pytest.raises(SettingError, match="working folder"):
        write(Path(name), DATASET)


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="/dev/shm is not a mount point here")  # noqa: S108
def test_a_mount_point_is_refused() -> None:
    with pytest.raises(SettingError, match="mount point"):
        outputs.claim(Path("/dev/shm"), DATASET)  # noqa: S108


@pytest.mark.parametrize("read", ["set", "set/train.parquet"])
def test_what_is_read_is_not_replaced_even_if_it_is_ours(tmp_path: Path, read: str) -> None:
    write(tmp_path / "set", DATASET)
    with unchanged(tmp_path), pytest.raises(SettingError, match="an input of this run"):
        outputs.claim(tmp_path / "set", DATASET, [str(tmp_path / read)])


@pytest.mark.parametrize("around", [DATASET, BUNDLE, REPORT], ids=lambda kind: kind.what)
@pytest.mark.parametrize("kind", [REPORT, TRAINING], ids=lambda kind: kind.what)
def test_nothing_is_put_into_what_is_whole(tmp_path: Path, around: OutputKind, kind: OutputKind) -> None:
    write(tmp_path / "set", around)
    with unchanged(tmp_path), pytest.raises(SettingError, match=f"is inside a {around.what}"):
        outputs.claim(tmp_path / "set/deep/er", kind)


@pytest.mark.parametrize("kind", [TRAINING, MONITOR], ids=lambda kind: kind.what)
def test_beside_others_only_files_of_our_names_are_in_the_way(tmp_path: Path, kind: OutputKind) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert outputs.claim(tmp_path, kind) == tmp_path
    outputs.mark(tmp_path, kind)
    for name in kind.beside:
        (tmp_path / name).write_text("ours")
    assert outputs.claim(tmp_path, kind) == tmp_path
    (tmp_path / outputs.MARKER).unlink()
    with unchanged(tmp_path), pytest.raises(SettingError, match=kind.setting):
        outputs.claim(tmp_path, kind)


def test_two_verbs_may_write_to_one_folder(tmp_path: Path) -> None:
    for kind in (TRAINING, MONITOR):
        outputs.mark(tmp_path, kind)
        for name in kind.beside:
            (tmp_path / name).write_text("ours")
    assert [outputs.claim(tmp_path, kind) for kind in (TRAINING, MONITOR)] == [tmp_path, tmp_path]


def test_what_a_file_manager_leaves_is_in_nobodys_way(tmp_path: Path) -> None:
    write(tmp_path / "set", DATASET)
    (tmp_path / "set/.DS_Store").write_text("")
    write(tmp_path / "set", DATASET, "second")
    assert (tmp_path / "set/file").read_text() == "second"


def test_a_file_that_comes_while_the_work_goes_on_stays(tmp_path: Path) -> None:
    write(tmp_path / "set", DATASET, "old")

    def work() -> None:
        with outputs.replaced(tmp_path / "set", DATASET):
            (tmp_path / "set/notes.txt").write_text("mine")

    with pytest.raises(SettingError, match=r"notes\.txt"):
        work()
    assert (tmp_path / "set/notes.txt").read_text() == "mine"
    assert (tmp_path / "set/file").read_text() == "old"


def test_leftovers_are_removed_but_not_their_namesakes(tmp_path: Path) -> None:
    (tmp_path / ".set-abcd1234").mkdir()
    (tmp_path / ".set-abcd1234" / outputs.MARKER).touch()
    (tmp_path / ".set-mybackup").mkdir()
    (tmp_path / ".set-mybackup/1.jpg").write_text("mine")
    outputs.remove_leftovers(tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == [".set-mybackup"]


def test_a_message_names_a_few_and_counts_the_rest(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / "set" / f"{number}").mkdir(parents=True)
    with pytest.raises(SettingError, match="holds 0/, 1/, 2/ and 6 more"):
        outputs.claim(tmp_path / "set", DATASET)
