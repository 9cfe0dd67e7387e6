"""The documents: generated ones say what the code says; lines are short; what they name exists."""

import pytest

from bin.docs.first_sentences import sentence
from bin.write_docs import DOCUMENTS
from tests.repository import REPOSITORY


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_documents_are_those_that_the_code_gives(name: str) -> None:
    assert (REPOSITORY / name).read_text() == DOCUMENTS[name](REPOSITORY), "run `make docs`"


def test_every_python_file_of_the_product_is_listed() -> None:
    listed = (REPOSITORY / "docs" / "files.md").read_text()
    paths = [path for room in ("app", "bench") for path in (REPOSITORY / room).rglob("*.py")]
    assert len(paths) > 200
    for path in paths:
        assert path.name == "__init__.py" or f"\n- `{path.name}`: " in listed, path
        assert f"\n## {path.parent.relative_to(REPOSITORY).as_posix()}\n" in listed


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two.", "One"),
        ("Is it? Yes.", "Is it?"),
        (
            "A Llama (Touvron et al. 2023) in\ntorch: two. More.",
            "A Llama (Touvron et al. 2023) in torch: two",
        ),
        ("With config.json in 1.5 s. app.js does it.", "With config.json in 1.5 s"),
        ("No full stop\n\nAnother paragraph.", "No full stop"),
    ],
)
def test_first_sentences(text: str, first: str) -> None:
    assert sentence(text) == first
