"""Kinds of files by name: images, other files, and litter of file managers and tools."""

import re
from pathlib import PurePath


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Formats that `prepare` reads: JPEG, PNG, WebP, BMP, GIF, TIFF, JPEG 2000, Netpbm, AVIF.
READ_SUFFIXES = _set(
    ".jpg .jpeg .jpe .jfif .jif .mpo .png .apng .webp .bmp .dib .gif .tif .tiff .jp2 .j2k .j2c .jpc .jpf .jpx "
    ".ppm .pgm .pbm .pnm .avif"
)
# Of cameras and image programs; such a file may still contain one of the formats above.
UNREAD_SUFFIXES = _set(
    ".heic .heif .heics .heifs .hif .tga .icb .vda .vst .ico .cur .icns .psd .psb .xcf .kra .svg .svgz .eps .ai .jxl "
    ".jxr .wdp .exr .hdr .pfm .pam .pcx .dcx .sgi .rgb .rgba .bw .ras .sun .dds .qoi .xbm .xpm .wmf .emf .pict .pct "
    ".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .raf .orf .rw2 .pef .srw .raw .3fr .erf .kdc .mrw .x3f .avifs"
)
ARCHIVES = _set(".zip .tar .gz .tgz .zst .bz2 .tbz2 .xz .txz .7z .rar")
TABLES = _set(".csv .tsv")
# Never opened: labels, texts, videos, sounds, arrays, models, programs.
OTHERS = (
    ARCHIVES
    | TABLES
    | _set(
        ".txt .md .rst .json .jsonl .xml .yaml .yml .toml .ini .cfg .log .html .htm .css .js .ts .pdf .doc .docx .xls "
        ".xlsx .ppt .pptx .odt .bib .tex .names .data .arff .mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .wmv .flv .3gp "
        ".mp3 .wav .m4a .aac .npy .npz .pkl .pickle .mat .h5 .hdf5 .parquet .feather .arrow .tfrecord .record .lmdb "
        ".mdb .db .sqlite .pt .pth .ckpt .onnx .pb .tflite .py .pyc .ipynb .sh .bat .ps1 .m .c .cpp .h .java .exe .dll "
        ".so .dvc .lock .part .crdownload .download .tmp .bak .swp .url .lnk .webloc .srt .vtt .md5 .sha256 .sfv "
        ".aae .xmp .thm"
    )
)
UNNAMED_OTHERS = _set("readme license licence copying notice authors changelog makefile dockerfile")
LITTER_FOLDERS = re.compile(
    r"__macosx|@eadir|#recycle|#snapshot|@__thumb|@recycle|\$recycle\.bin|system volume information|lost\+found|"
    r"\.(?:appledouble|git|dvc|svn|hg|ipynb_checkpoints|thumbnails|picasaoriginals|stversions|stfolder|dropbox\.cache|"
    r"tmp\.driveupload|tmp\.drivedownload|snapshots?|zfs|spotlight-v100|fseventsd|trashes|trash(?:-\d+)?|recycle|"
    r"temporaryitems|documentrevisions-v100)",
    re.IGNORECASE,
)
LITTER_FILES = re.compile(r"\.(?!\.?$).*|~\$.*|.*~|(?:eh)?thumbs.*\.db|desktop\.ini|icon\r", re.IGNORECASE | re.DOTALL)
PLAIN_SUFFIX = re.compile(r"\.(?!\d+$)[a-z0-9]{1,10}")
COMMON_MAGICS = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
OTHER_MAGICS = re.compile(
    rb"BM....\0\0\0\0|II\*\0|MM\0\*|....ftyp(?:avif|avis|heic|heix|hevc|mif1|msf1)|\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    re.DOTALL,
)


def is_litter(path: PurePath) -> bool:
    """Whether a file or folder is litter of a file manager, editor or version control."""
    return is_litter_file(path) or any(LITTER_FOLDERS.fullmatch(part) for part in path.parts)


def is_litter_file(path: PurePath) -> bool:
    """Whether the file itself is litter, whatever its folders."""
    return LITTER_FILES.fullmatch(path.name) is not None


def has_image_name(path: PurePath) -> bool:
    """Whether a file is named as an image, in a format that is read or not."""
    return path.suffix.lower() in READ_SUFFIXES | UNREAD_SUFFIXES


def has_other_name(path: PurePath) -> bool:
    """Whether a file is named as something else than an image; its contents do not matter."""
    return path.suffix.lower() in OTHERS or path.name.lower() in UNNAMED_OTHERS


def holds_image(path: PurePath, data: bytes) -> bool:
    """Whether a file is read as an image: by its name, else by its first bytes."""
    suffix = path.suffix.lower()
    if suffix in READ_SUFFIXES or COMMON_MAGICS.match(data):
        return True
    # A camera's raw file begins as a TIFF.
    return suffix not in UNREAD_SUFFIXES and OTHER_MAGICS.match(data) is not None


def extension(path: PurePath) -> str:
    """Extension of a file for messages, such as `.heic`."""
    suffix = path.suffix.lower()
    return suffix if PLAIN_SUFFIX.fullmatch(suffix) else "another extension" if suffix else "no extension"
