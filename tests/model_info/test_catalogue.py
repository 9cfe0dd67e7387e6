"""Each entry of the catalogue says what it must, in the languages of the pages."""

import re

import pytest

from app.errors import NotFoundError
from app.formats.languages import codes_of
from app.model_info.catalogue import catalogue, published
from app.model_info.prompt_sets import FILES
from app.translation import speaking


@pytest.mark.parametrize("name", list(catalogue()))
def test_an_entry_is_whole(name: str) -> None:
    entry = published(name)
    assert re.fullmatch("[0-9a-f]{64}", entry.sha256)
    assert re.fullmatch("[a-z0-9-]+", entry.package)
    assert entry.file.endswith(".gguf")
    assert sorted(codes_of(entry.languages)) == sorted(entry.languages)
    assert entry.prompts
    assert set(entry.prompts) <= FILES.keys()
    assert set(entry.good_for) == {"en", "zh"}
    assert min(entry.bytes, entry.wheel_bytes, entry.installed_bytes) > 1 << 20
    with speaking("zh"):
        assert entry.meaning == entry.good_for["zh"]


def test_another_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFoundError, match=r"no model gpt-5 in the catalogue\..*smollm2"):
        published("gpt-5")
