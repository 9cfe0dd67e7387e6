"""The card's header is YAML with what Hugging Face asks for, and names files that the exports have."""

import pytest
import yaml

from app.services.data.dataset_card import dataset_card


@pytest.mark.parametrize(("rankings", "size"), [(0, "n<1K"), (1_000, "1K<n<10K"), (2_000_000, "1M<n<10M")])
def test_the_header_is_read(rankings: int, size: str) -> None:
    card = dataset_card(rankings=rankings, labelers=2, votes=3, prompts=4, languages=["en", "no"])
    _, header, text = card.split("---\n", 2)
    read = yaml.safe_load(header)
    assert read["language"] == ["en", "no"], "no is a language, and YAML's false"
    assert read["size_categories"] == [size]
    assert {each["data_files"] for each in read["configs"]} >= {"rankings.jsonl", "comparisons.jsonl"}
    assert f"{rankings:,} rankings by 2 labelers" in text
