import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_pkg.data.split.folder_names import NameKind, person_key, read_name

PARTS = [
    *(
        "train",
        "TRAIN",
        "trainData",
        "train_data",
        "TRAIN_SET",
        "TrainSet",
        "train-2",
        "traindata",
        "asl_alphabet_train",
    ),
    *("ASLAlphabetTrain", "Training", "Training Set", "training_images_2", "trainingset", "testImages", "test(1)"),
    *(
        "Test - Copy (2)",
        "Kopie von test",
        "valid",
        "ValSet",
        "val",
        "validationset",
        "dev",
        "Dev Set",
        "eval",
        "holdout",
    ),
    *(
        "hold-out",
        "original",
        "Originals",
        "augmented",
        "Aug",
        "augmentedData",
        "raw",
        "processed",
        "images",
        "dataset",
    ),
    *(
        "set",
        "Set A",
        "splits",
        "fold1",
        "k-fold",
        "5-fold",
        "part1",
        "batch2",
        "cropped",
        "gray",
        "64x64",
        "200 x 200",
    ),
    *("720p", "64px", "2021-05-03", "20210503", "03.05.2021", "session1", "day 2", "2nd day", "cam_left", "front"),
    *("Gesture Image Pre-Processed Data", "New folder (2)"),
    *(
        "indoor",
        "dark",
        "take3",
        "unlabelled",
        "训练集",
        "01_train",
        "Dataset5",
        "Apprentissage",
        "prueba",
        "Trainingsdaten",
    ),
]
ABROAD = [
    *(
        "addestramento",
        "Convalida",
        "treinar",
        "validar",
        "Entreno",
        "Validaciones",
    ),
    *(
        "Lerndaten",
        "Prüfung",
        "trainen",
        "Toets",
        "trening",
        "walidacja",
    ),
    *(
        "eğitim",
        "doğrulama",
        "обучение",
        "Тестовая",
        "валидационная",
        "επικύρωση",
    ),
    *(
        "تدريب",
        "آموزش",
        "प्रशिक्षण",
        "训练数据",
        "驗證",
        "トレーニング",
    ),
    *(
        "훈련",
        "데이터세트",
        "Neuer_Ordner",
        "Nueva_carpeta_(2)",
        "xtrain",
        "fluorescent",
    ),
    *("gloves",),
]


@pytest.mark.parametrize("name", PARTS + ABROAD)
def test_a_part_of_a_set_is_no_person(name: str) -> None:
    assert read_name(name).kind is NameKind.PART


@pytest.mark.parametrize(
    "name",
    ["ann", "Tes", "Valentina", "Trainor", "Testa", "Devon", "Setareh", "Camilla", "Takeda", "Newman", "李", "José"],
)
def test_names_that_only_begin_as_a_part_are_people(name: str) -> None:
    assert read_name(name).kind is NameKind.NAME


@pytest.mark.parametrize("name", ["user_1", "User01", "user 1 train", "train_user1", "session2-user1", "testuser1"])
def test_a_user_is_the_same_in_every_spelling_and_half(name: str) -> None:
    assert read_name(name)[:2] == (NameKind.PERSON, "user 1")


@pytest.mark.parametrize("name", ["users", "by_user", "Subjects", "user_dataset"])
def test_a_word_for_people_alone_holds_them(name: str) -> None:
    assert read_name(name).kind is NameKind.HOLDER


@pytest.mark.parametrize("name", ["1", "007", "s1", "P02", "A"])
def test_a_number_may_be_anything(name: str) -> None:
    assert read_name(name).kind is NameKind.NUMBER


@pytest.mark.parametrize("name", ["ann_train", "AnnTest", "ann-session2", "day1_ann", "anntrain", "testann", "ann2"])
def test_a_person_s_parts_have_one_stem(name: str) -> None:
    assert read_name(name).stem == "ann"


@pytest.mark.parametrize(
    ("name", "other"),
    [("Müller", "Mueller"), ("Smith, John", "john smith"), ("Søren", "Soren"), ("IŞIK", "ışık"), ("Łucja", "lucja")],
)
def test_a_person_may_be_spelled_as_keyboards_and_lists_do(name: str, other: str) -> None:
    assert person_key(name) == person_key(other)
    assert read_name(name).key == read_name(other).key


@settings(deadline=None)
@given(st.text("abcdefgäöéñ", min_size=2), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.booleans())
def test_a_name_is_the_same_in_every_case_and_unicode_form(name: str, form: str, upper: bool) -> None:
    other = unicodedata.normalize(form, name.upper() if upper else name)  # type: ignore[arg-type]
    assert person_key(f" {other}\u00a0") == person_key(name)
