import pytest

from asl_pkg.data import left_out
from asl_pkg.data.sample import RejectedFile
from asl_pkg.errors import DataError


def other(path: str, reason: str = "not an image (.txt)") -> RejectedFile:
    return RejectedFile(path, reason, quarantined=False)


def test_what_stayed_out_is_told_with_counts_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    rejected = [
        RejectedFile("A/1.jpg", "empty"),
        RejectedFile("A/2.jpg", "empty"),
        RejectedFile("eve", "no right"),
        other("a.txt"),
    ]
    left_out.tell(rejected, "data=folder")
    unfit, others = capsys.readouterr().err.splitlines()
    assert "3 unfit: 2 empty, as A/1.jpg; 1 no right, as eve" in unfit
    assert "1 left out: 1 not an image (.txt), as a.txt" in others
    left_out.tell([], "data=folder")
    assert not capsys.readouterr().err


def test_names_cannot_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    left_out.tell([other("a\x1b[2J\nb.txt")], "data=folder")
    assert "\x1b" not in capsys.readouterr().err


def test_the_share_of_unfit_files_is_limited() -> None:
    rejected = [RejectedFile("A/1.jpg", "empty"), *[other(f"{number}.txt") for number in range(50)]]
    left_out.require_fit(rejected, 19, 0.05, "data.path=x")
    with pytest.raises(DataError, match=r"1 of 19 .*data\.max_quarantined=0\.05.*1 empty"):
        left_out.require_fit(rejected, 18, 0.05, "data.path=x")


@pytest.mark.parametrize(
    ("paths", "folder", "said"),
    [
        (["drive download.zip"], "in", "data=archive data.path='in/drive download.zip'"),
        (["a-001.zip", "a-002.zip"], "in", "unpack the archives into one folder"),
        (["x.tar.gz"], "", "unpack the archives"),
        (["sign_mnist_train.csv"], "in", "the table of pixels"),
        (["notes.txt"], "in", "no image"),
        ([], "in", "it is empty"),
    ],
)
def test_a_source_without_an_image_says_what_it_holds_and_what_to_do(paths: list[str], folder: str, said: str) -> None:
    with pytest.raises(DataError, match="holds no image") as refusal:
        left_out.require_fit([other(path) for path in paths], 0, 1.0, "data.path=in", folder)
    assert said in str(refusal.value)
