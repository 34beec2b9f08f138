"""Several settings in one string, as in a form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_pkg.config.text import settings_from_text, settings_to_text
from asl_pkg.errors import SettingError


@given(st.lists(st.text()))
def test_settings_come_back_from_their_text_as_they_were(settings: list[str]) -> None:
    assert settings_from_text(settings_to_text(settings)) == settings


def test_a_text_is_read_as_people_type_it_over_several_lines_too() -> None:
    typed = "  model.width=32\n\ttrainer.workers=2   data.path='my letters.zip' checkpoint_uri= "
    assert settings_from_text(typed) == [
        "model.width=32", "trainer.workers=2", "data.path=my letters.zip", "checkpoint_uri=",
    ]  # fmt: skip


def test_a_quotation_mark_that_is_not_closed_is_refused() -> None:
    with pytest.raises(SettingError, match="model.width=32"):
        settings_from_text("model.width=32 data.path='letters.zip")
