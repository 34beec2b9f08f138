import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.data.split.signers_table import SignerRow, read_table, rows_of_images
from asl_pkg.errors import DataError

TABLE = Path("signers.csv")
IMAGES = [f"set/{signer}/{name}/{name}{number}.jpg" for signer in ("ann", "bö") for name in "AB" for number in range(5)]


def signer_of(image: str) -> str:
    return f"signer {image.split('/')[1]} {int(image[-5]) % 3}"


def meant(paths: dict[str, str] | None = None) -> list[SignerRow]:
    """A row for each image, its path written otherwise where that is said."""
    return [
        SignerRow(line, (paths or {}).get(image, image), signer_of(image), "") for line, image in enumerate(IMAGES, 2)
    ]


def signers(rows: list[SignerRow], images: list[str] = IMAGES) -> list[str | None]:
    found, _ = rows_of_images(TABLE, rows, images, ["set/README.txt"])
    return [row.signer if row else None for row in found]


def test_a_table_names_signers_and_recordings(tmp_path: Path) -> None:
    table = tmp_path / "signers.csv"
    table.write_text("path,signer,recording\nA/1.jpg,ann,morning\nA/2.jpg,,\n")
    assert read_table(table) == [SignerRow(2, "A/1.jpg", "ann", "morning"), SignerRow(3, "A/2.jpg", "", "")]


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffpath,signer\nA/1.jpg,ä\n".encode(),
        "path,signer\nA/1.jpg,ä\n".encode("utf-16"),
        "path,signer\nA/1.jpg,ä\n".encode("utf-16-le"),
        "path;signer\nA/1.jpg;ä\n".encode(),
        "path\tsigner\r\nA/1.jpg\tä\r\n".encode(),
        "path,signer\rA/1.jpg,ä\r".encode(),
        "sep=;\nPath;SIGNER;age\nA/1.jpg;ä;30\n".encode(),
        '" Path " , "Signer"\n"A/1.jpg", "ä"\n'.encode(),
        "\n Signer ,path \n ä , A/1.jpg \u00a0\n,\n\n".encode(),
    ],
)
def test_a_table_is_read_however_a_spreadsheet_writes_it(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "signers.csv").write_bytes(data)
    assert [row[1:] for row in read_table(tmp_path / "signers.csv")] == [("A/1.jpg", "ä", "")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected path,signer"),
        ("file,person\na,b\n", "expected path,signer"),
        ("path,signer,signer\na,b,c\n", "twice"),
        ("path,signer\na,b\na,b,c\n", "line 3: 3 cells, expected 2"),
    ],
)
def test_another_table_is_refused_with_what_was_expected(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "signers.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / "signers.csv")


@pytest.mark.parametrize("data", [None, "path,signer\nA/1.jpg,ä\n".encode("latin-1")])
def test_a_table_that_is_missing_or_of_another_encoding_is_refused(data: bytes | None, tmp_path: Path) -> None:
    if data:
        (tmp_path / "signers.csv").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "signers.csv")


WRITTEN = {
    "as it is": str,
    "in other case": str.upper,
    "with backslashes": lambda path: path.replace("/", "\\"),
    "with ./": lambda path: f"./{path}",
    "with double slashes": lambda path: path.replace("/", "//"),
    "in another Unicode form": lambda path: unicodedata.normalize("NFD", path),
    "absolute": lambda path: f"/home/me/data/{path}",
    "of Windows": lambda path: f"C:\\Users\\me\\{path}",
    "without the top folder": lambda path: path.removeprefix("set/"),
    "with another top folder": lambda path: path.replace("set/", "Letters 2/"),
    "absolute with another top folder": lambda path: path.replace("set/", "/data/letters/"),
}


@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_path_is_found_however_it_is_written(write: object) -> None:
    rows = meant({image: write(image) for image in IMAGES})  # type: ignore[operator]
    assert signers(rows) == [signer_of(image) for image in IMAGES]


@settings(deadline=None)
@given(
    st.sampled_from(sorted(WRITTEN)),
    st.lists(st.sampled_from(["in other case", "with backslashes", "with ./", "in another Unicode form"]), max_size=3),
    st.sets(st.sampled_from(IMAGES), max_size=4),
    st.sets(st.sampled_from(IMAGES), max_size=4),
)
def test_no_image_gets_a_signer_who_was_not_meant(
    first: str, others: list[str], perturbed: set[str], left_out: set[str]
) -> None:
    paths = {}
    for image in IMAGES:
        paths[image] = WRITTEN[first](image)  # type: ignore[operator]
        for other in others if image in perturbed else ():
            paths[image] = WRITTEN[other](paths[image])  # type: ignore[operator]
    rows = [row for row, image in zip(meant(paths), IMAGES, strict=True) if image not in left_out]
    try:
        found = signers(rows)
    except DataError:
        return
    assert not left_out
    assert found == [signer_of(image) for image in IMAGES]


def test_a_table_of_another_set_is_refused_with_paths_that_were_expected() -> None:
    with pytest.raises(DataError, match=r"names no image .* such as set/ann/A/A0.jpg"):
        signers([SignerRow(2, "elsewhere.jpg", "ann", "")])


def test_a_table_that_fits_in_part_is_refused_beyond_a_small_share_with_counts_and_examples() -> None:
    with pytest.raises(DataError, match=r"1 of 20 images are in no row, as set/ann/A/A0.jpg"):
        signers(meant()[1:])
    with pytest.raises(DataError, match=r"1 of 21 rows name no image, as line 99 'set/ann/A/A9.jpg'"):
        signers([*meant(), SignerRow(99, "set/ann/A/A9.jpg", "ann", "")])
    many = [f"A/{number}.jpg" for number in range(200)]
    found, misfits = rows_of_images(TABLE, [SignerRow(2, image, "ann", "") for image in many[1:]], many, [])
    assert found[0] is None
    assert misfits == "1 of 200 images are in no row, as A/0.jpg"


def test_a_row_for_a_file_that_stayed_out_names_something() -> None:
    assert signers([*meant(), SignerRow(99, "SET/readme.txt", "ann", "")])


def test_the_same_image_twice_with_one_answer_is_fine_with_two_refused_naming_both() -> None:
    rows = meant()
    assert signers([*rows, rows[0]._replace(line=99, path=rows[0].path.upper(), signer=" SIGNER  Ann 0")])
    with pytest.raises(DataError, match=r"lines 2 and 99: set/ann/A/A0.jpg has signer 'signer ann 0' .* 'cem'"):
        signers([*rows, rows[0]._replace(line=99, signer="cem")])


def test_a_path_that_fits_in_several_ways_is_refused() -> None:
    images = [f"{half}/A/{number}.jpg" for half in ("train", "test") for number in range(5)]
    with pytest.raises(DataError, match="match the source in two ways, with 'train' or 'test'"):
        signers([SignerRow(2 + number, f"A/{number}.jpg", "ann", "") for number in range(5)], images)
