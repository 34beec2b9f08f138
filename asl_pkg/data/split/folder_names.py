"""Meaning of a folder's name: a person, or a part of a data set such as `train`, `session2` or `images`."""

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import NamedTuple

# Words in folder names that name no person. Joined words, such as `traindata`, consist of words of at least 3 letters.
HALVES = """
    train training trn trainset test testing tst val valid validation validate validating dev devel development eval
    evaluate evaluation holdout hold held heldout out unseen learn learning cv final public private
    xtrain xtest xval xvalid query gallery support novel seen known ood practice exam quiz inference predict
    validierung validieren lern lernen pruf prufung kontroll kontrolle treino treinar treinamento teste testar validacao
    validar entrainement apprentissage essai entrenamiento entrenar entreno prueba probar ensayo validacion validacione
    addestramento allenamento prova collaudo convalida trainen testen valideren validatie oefenen toet trening
    treningowy treningowe uczenie uczacy testowy testowe walidacja walidacyjny walidacyjne trenink trenovaci testovaci
    validacni traning validering egitim dogrulama sinama latih pelatihan uji pengujian validasi
    обучение обучающая обучающие тренировка тренировочная тренировочные тест тестовая тестовые тестирование валидация
    валидационная валидационные проверка проверочная контрольная выборка навчання перевірка
    εκπαιδευση δοκιμη επικυρωση אימון בדיקה אימות تدريب التدريب اختبار الاختبار تحقق التحقق آموزش آزمون آزمایش
    اعتبارسنجی प्रशिक्षण परीक्षण सत्यापन การฝึก ทดสอบ
    训练 测试 验证 校验 评估 开发 訓練 測試 驗證 学習 検証 評価 トレーニング テスト バリデーション
    훈련 학습 테스트 시험 검증 평가
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
    data dataset set subset split fold kfold part partial batch bunch chunk shard image img pic image photo photograph
    foto frame video clip sample example asl alphabet sign signs language american letter finger fingerspelling spelling
    gesture class classes label archive kaggle download upload file folder dir directory collection group database db
    root home input output source src target all misc miscellaneous other others more extra additional various default
    daten bild bilder donnees datos dados dati dane imagen imagenes imagem imagens menge teil satz
    screenshot whatsapp dcim untitled domain neu neuer ordner nouveau dossier nueva carpeta nuova cartella nova pasta
    数据 数据集 集 資料 资料 图片 图像 文件夹 新建文件夹 画像 データ セット 데이터 세트 사진 данные набор фото
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
    cluttered uniform office kitchen lab laboratory studio street garden garage balcony bedroom bathroom cellar attic
    beach hallway corridor classroom halogen fluorescent incandescent led neon tungsten red green blue yellow orange
    glove sleeve barehand
"""
FILLERS = """
    of the and for in on at to by with without no only my from nd st rd th von und mit der die das de la
"""
PEOPLE = """
    user usr signer person people pers subject subj sub participant actor speaker performer volunteer student teacher
    pupil member annotator contributor author human man woman male female boy girl kid child adult vp proband probandin
    teilnehmer teilnehmerin sujet sujeto persona personne pessoa usuario participante signeur id
"""

OTHERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"}
)  # letters that Unicode does not decompose
UMLAUT = re.compile(r"(?<=[aou])e")  # Mueller is Müller

CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
TOKEN = re.compile(r"[^\W\d_]+|\d+")
DECIMAL = re.compile(r"\s*(\d+)\.0*\s*")  # a number as spreadsheets write it in a column with empty cells
SIZE = re.compile(r"\d+\s*[x×]\s*\d+|\d+p", re.IGNORECASE)  # such as 64x64 and 720p
DAY = re.compile(r"(19|20)\d{6}|(19|20)\d\d\D+\d{1,2}\D+\d{1,2}|\d{1,2}\D+\d{1,2}\D+(19|20)\d\d")


class NameKind(Enum):
    """Kind of a folder's name."""

    PART = "part of a data set: a split, a session, a camera …"
    NUMBER = "a number, or a letter with one: a person or a part"
    NAME = "probably a person's name"
    PERSON = "named as a person, such as user_1"
    HOLDER = "contains persons, such as users"


class FolderName(NamedTuple):
    """A folder's name.

    Args:
        kind: Kind of the name.
        key: The same for every spelling of one person's name; empty for a PART.
        stem: The key without numbers and without joined words for splits.
        words: Words of a NAME, without numbers.
    """

    kind: NameKind
    key: str = ""
    stem: str = ""
    words: frozenset[str] = frozenset()


def folded(text: str) -> str:
    """A text without differences in case, accents, width and Unicode form."""
    return _without_marks(text).casefold().translate(OTHERS)


def _without_marks(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text)
    return "".join(char for char in parts if unicodedata.category(char) not in ("Mn", "Mc", "Cf"))


WORDS = frozenset(folded(" ".join((HALVES, VERSIONS, CONTAINERS, TIMES, CAMERAS, SURROUNDINGS))).split())
JOINED = frozenset(
    word for word in folded(" ".join((HALVES, VERSIONS, CONTAINERS))).split() if len(word) >= 3 or not word.isascii()
)
HALF_WORDS = frozenset(folded(HALVES).split())
LINKS = frozenset(FILLERS.split())
HUMANS = frozenset(PEOPLE.split())
ENDS = tuple(sorted({word for word in HALF_WORDS if len(word) >= 3}, key=len, reverse=True))
LONG_HUMANS = tuple(sorted(word for word in HUMANS if len(word) >= 4))  # may end a longer word, such as `testsubject`


def person_key(text: str) -> str:
    """Key that is the same for every spelling of a person's name.

    Args:
        text: Name as written.

    Returns:
        Its words and numbers, without punctuation, blanks and leading zeros; words without a number are sorted, as for
        `Smith, John`. Empty if it has neither.
    """
    return _key([_token(token) for token in TOKEN.findall(_whole(folded(text)))])


def _whole(text: str) -> str:
    number = DECIMAL.fullmatch(text)
    return number[1] if number else text


def _token(text: str) -> str:
    return text.lstrip("0") or "0" if text.isdecimal() else text


def _key(tokens: Sequence[str]) -> str:
    ordered = tokens if any(token.isdecimal() for token in tokens) else sorted(tokens)
    return UMLAUT.sub("", " ".join(ordered))


def names_half(name: str) -> bool:
    """Whether a name is that of a split, such as `test`, and not a person's."""
    return set(TOKEN.findall(folded(name))) & HALF_WORDS != set() and read_name(name).kind is NameKind.PART


@cache
def read_name(folder: str) -> FolderName:
    """Read a folder's name.

    Args:
        folder: One component of a path.

    Returns:
        Its meaning.
    """
    plain = _without_marks(folder)
    tokens = [_singular(_token(folded(token))) for token in TOKEN.findall(CAMEL.sub(" ", plain))]
    if DAY.search(folder) or SIZE.fullmatch(folder.strip()):
        tokens = [token for token in tokens if not _is_mark(token)]
    kept: list[str] = []
    part = False  # the last token names a part: a number after it belongs to the part
    for token in tokens:
        if _is_part(token):
            part = True
        elif token not in LINKS and not (part and _is_mark(token)):
            kept.append(token)
            part = False
    words = [token for token in kept if not _is_mark(token)]
    key = _key(kept)
    if HUMANS & set(kept):
        return FolderName(NameKind.PERSON, key, key) if set(kept) - HUMANS else FolderName(NameKind.HOLDER)
    if words:
        return FolderName(NameKind.NAME, key, UMLAUT.sub("", _without_halves("".join(words))), frozenset(words))
    return FolderName(NameKind.NUMBER, key, key) if kept == tokens and kept else FolderName(NameKind.PART)


def _is_mark(token: str) -> bool:
    """Whether a token is a number or a single Latin letter."""
    return token.isdecimal() or (len(token) == 1 and token.isascii())


def _singular(token: str) -> str:
    """The word for people that a token is or ends with, such as `users` and `testsubject`; else the token."""
    singular = token.removesuffix("s")
    found = {token, singular} & HUMANS
    ends = [word for word in LONG_HUMANS if singular.endswith(word) and _joined(singular.removesuffix(word), JOINED)]
    return next(iter(found or ends), token)


def _is_part(token: str) -> bool:
    return token in WORDS or token.removesuffix("s") in WORDS or _joined(token, JOINED)


def _joined(token: str, words: frozenset[str]) -> bool:
    """Whether a token consists only of such words, singular or plural."""
    rests = [token.removeprefix(word) for word in words if token.startswith(word)]
    return any(rest in ("", "s") or _joined(rest, words) or _joined(rest.removeprefix("s"), words) for rest in rests)


def _without_halves(word: str) -> str:
    """A name without a joined word for a split, such as annTrain and trainann."""
    for end in ENDS:
        for rest in (word.removesuffix(end), word.removeprefix(end)):
            if rest != word and len(rest) >= 2:
                return rest
    return word
