"""What the name of a folder says: a person, or a part of a set as `train`, `session2` or `images`."""

import re
import unicodedata
from enum import Enum
from functools import cache
from typing import NamedTuple

# Words of folders that name no person. What stands in one piece, as `traindata`, is made of those of three letters.
HALVES = """
    train training trn trainset test testing tst val valid validation validate validating dev devel development eval
    evaluate evaluation holdout hold held heldout out unseen learn learning cv final public private
    validierung treino treinamento teste validacao entrainement apprentissage essai entrenamiento prueba validacion
    训练 训练集 测试 测试集 验证 验证集 学習 訓練 検証
"""
VERSIONS = """
    original orig augmented augmentation augment aug augm raw processed preprocessed preprocessing prepared cropped crop
    resized resize rescaled scaled clean cleaned filtered normalized normalised normal gray grey grayscale greyscale
    color colour colored coloured rgb bgr hsv bw binary mask masked segmented segmentation depth skeleton landmark
    landmarks flipped flip mirrored mirror rotated rotation blurred blur noisy noise sharpened edited copy kopie copie
    copia backup old new temp tmp version ver small large big full mini tiny medium low high res resolution hd px
    compressed converted jpg jpeg png webp bmp unedited modified balanced unbalanced fixed labelled labeled unlabelled
    unlabeled annotated sorted unsorted real synthetic generated gan pre post threshold thresholded edge canny contour
    contrast equalized removed nobg easy hard difficult good bad
"""
CONTAINERS = """
    data dataset set subset split fold kfold part partial batch bunch chunk shard image img pic picture photo photograph
    foto frame video clip sample example asl alphabet sign signs language american letter finger fingerspelling spelling
    gesture class classes label archive kaggle download upload file folder dir directory collection group database db
    root home input output source src target all misc miscellaneous other others more extra additional various default
    daten bild bilder donnees datos dados imagen imagenes imagem imagens menge teil satz
"""
TIMES = """
    session sess sitting day date week month year time hour morning noon midday afternoon evening night take recording
    recorded record rec run trial rep repetition repeat round scene sequence seq visit attempt first second third last
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december jan feb mar apr jun jul aug sep sept oct nov dec tag sitzung aufnahme jour dia sesion
"""
CAMERAS = """
    cam camera webcam kinect realsense gopro view viewpoint angle perspective left right front frontal side top bottom
    center centre middle upper lower back rear near far close closeup distance iphone ipad android phone mobile
    smartphone laptop tablet device sensor lens zoom hand hands lefthand righthand kamera camara
"""
SURROUNDINGS = """
    light lighting lit bright dark dim sun sunny cloudy shadow lamp flash natural artificial daylight indoor outdoor
    inside outside room background bg wall place location environment setting condition white black plain simple complex
    cluttered uniform office kitchen lab laboratory studio street garden
"""
FILLERS = """
    of the and for in on at to by with without no only my from nd st rd th von und mit der die das de la
"""
PEOPLE = """
    user usr signer person people pers subject subj sub participant actor speaker performer volunteer student teacher
    pupil member annotator contributor author human man woman male female boy girl kid child adult vp proband probandin
    teilnehmer teilnehmerin sujet sujeto persona personne pessoa usuario participante signeur id
"""

WORDS = frozenset(" ".join((HALVES, VERSIONS, CONTAINERS, TIMES, CAMERAS, SURROUNDINGS)).split())
JOINED = frozenset(word for word in " ".join((HALVES, VERSIONS, CONTAINERS)).split() if len(word) >= 3)
LINKS = frozenset(FILLERS.split())
HUMANS = frozenset(PEOPLE.split())
ENDS = tuple(sorted({word for word in HALVES.split() if len(word) >= 3}, key=len, reverse=True))
LONG_HUMANS = tuple(sorted(word for word in HUMANS if len(word) >= 4))  # that may end a longer word, as `testsubject`

CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
TOKEN = re.compile(r"[^\W\d_]+|\d+")
SIZE = re.compile(r"\d+\s*[x×]\s*\d+|\d+p", re.IGNORECASE)  # as 64x64 and 720p
DAY = re.compile(r"(19|20)\d{6}|(19|20)\d\d\D+\d{1,2}\D+\d{1,2}|\d{1,2}\D+\d{1,2}\D+(19|20)\d\d")


class Kind(Enum):
    """What a name is."""

    PART = "of a set: a half, a session, a camera …"
    NUMBER = "a number or a letter with one: a person or a part"
    NAME = "of a person, as far as anybody can tell"
    PERSON = "said to be a person, as user_1"
    HOLDER = "of persons, as users"


class Name(NamedTuple):
    """What a folder's name says.

    Args:
        kind: what it is.
        key: the same for every spelling of the name of one person; empty for a PART.
        stem: the key without numbers and the halves that are joined to it.
    """

    kind: Kind
    key: str = ""
    stem: str = ""


def folded(text: str) -> str:
    """Give a text without the differences in case, accents, width and Unicode form that people make."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in parts if unicodedata.category(char) not in ("Mn", "Cf"))


def person_key(text: str) -> str:
    """Give what is the same for every spelling of a person's name.

    Args:
        text: as somebody wrote it.

    Returns:
        Its words and numbers, without signs, blanks and leading zeros; empty where it has neither.
    """
    return " ".join(token.lstrip("0") or "0" if token.isdecimal() else token for token in TOKEN.findall(folded(text)))


@cache
def read_name(folder: str) -> Name:
    """Read a folder's name.

    Args:
        folder: one component of a path.

    Returns:
        What it says.
    """
    tokens = [
        _singular(person_key(token)) for token in TOKEN.findall(CAMEL.sub(" ", unicodedata.normalize("NFC", folder)))
    ]
    if DAY.search(folder) or SIZE.fullmatch(folder.strip()):
        tokens = [token for token in tokens if not _is_mark(token)]
    kept: list[str] = []
    part = False  # what came last is a word for a part: a number after it is the part's
    for token in tokens:
        if _is_part(token):
            part = True
        elif token not in LINKS and not (part and _is_mark(token)):
            kept.append(token)
            part = False
    words = [token for token in kept if not _is_mark(token)]
    key = " ".join(kept)
    if HUMANS & set(kept):
        return Name(Kind.PERSON, key, key) if set(kept) - HUMANS else Name(Kind.HOLDER)
    if words:
        return Name(Kind.NAME, key, _without_halves("".join(words)))
    return Name(Kind.NUMBER, key, key) if kept == tokens and kept else Name(Kind.PART)


def _is_mark(token: str) -> bool:
    """Whether a token only counts: a number, or a single Latin letter."""
    return token.isdecimal() or (len(token) == 1 and token.isascii())


def _singular(token: str) -> str:
    """The word for people that a token is or ends with, as `users` and `testsubject`; else the token."""
    singular = token.removesuffix("s")
    found = {token, singular} & HUMANS
    ends = [word for word in LONG_HUMANS if singular.endswith(word) and _joined(singular.removesuffix(word), JOINED)]
    return next(iter(found or ends), token)


def _is_part(token: str) -> bool:
    return token in WORDS or token.removesuffix("s") in WORDS or _joined(token, JOINED)


def _joined(token: str, words: frozenset[str]) -> bool:
    """Whether a token is nothing but such words, each with or without its plural."""
    rests = [token.removeprefix(word) for word in words if token.startswith(word)]
    return any(rest in ("", "s") or _joined(rest, words) or _joined(rest.removeprefix("s"), words) for rest in rests)


def _without_halves(word: str) -> str:
    """A name without the half that is joined to it, as annTrain and trainann."""
    for end in ENDS:
        for rest in (word.removesuffix(end), word.removeprefix(end)):
            if rest != word and len(rest) >= 2:
                return rest
    return word
