"""What a model is called: by its folder or file, in the hub's cache by the model."""

import os
from pathlib import Path

import pytest

from app.model_info.model_names import file_name, folder_name

HASH = "12fd25f77366fa6b3b4b768ec3050bf629380bac"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("SmolLM2-135M", "SmolLM2-135M"),
        (f"hub/models--HuggingFaceTB--SmolLM2-135M-Instruct/snapshots/{HASH}", "SmolLM2-135M-Instruct"),
        (f"models--gpt2/snapshots/{HASH}", "gpt2"),
        ("models--org--name/snapshots/main", "name"),
        ("models--org--name", "name"),
        (f"mine/snapshots/{HASH}", HASH),
        (f"models--org--name/{HASH}", HASH),
        ("models--org--name/mine/tuned", "tuned"),
        ("models--org--name/snapshots/main/onnx", "onnx"),
        ("models--", "models--"),
    ],
)
def test_a_folder_is_named_by_itself_and_in_the_hubs_cache_by_its_model(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    assert folder_name(tmp_path / folder) == name
    (tmp_path / "link").symlink_to(tmp_path / folder)
    assert folder_name(tmp_path / "link") == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("SmolLM2.Q8_0.gguf", "SmolLM2.Q8_0"),
        (f"models--org--name-GGUF/snapshots/{HASH}/name-q8_0.gguf", "name-q8_0"),
        (f"models--org--name-GGUF/blobs/{HASH}", "name-GGUF"),
        (f"mine/blobs/{HASH}", HASH),
    ],
)
def test_a_file_is_named_by_itself_and_a_blob_of_the_hubs_cache_by_its_model(file: str, name: str) -> None:
    assert file_name(Path(file)) == name


def test_a_name_may_hold_any_bytes() -> None:
    assert file_name(Path(os.fsdecode(b"m\xe9.gguf"))) == folder_name(Path(os.fsdecode(b"m\xe9"))) == "m\ufffd"
