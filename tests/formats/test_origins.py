"""Origins in the form in which browsers send them, or refused."""

import pytest

from app.formats.origins import origins_of


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", ()),
        (" , ", ()),
        ("https://a.example", ("https://a.example",)),
        ("HTTPS://A.Example:443, http://b.example:80", ("https://a.example", "http://b.example")),
        ("http://localhost:3000,http://localhost:3000", ("http://localhost:3000",)),
        ("http://127.0.0.1:5173", ("http://127.0.0.1:5173",)),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
        ("https://bücher.example", ("https://xn--bcher-kva.example",)),
        ("app://obsidian.md", ("app://obsidian.md",)),
        ("https://a.example:80", ("https://a.example:80",)),
    ],
)
def test_as_browsers_send_them(given: str, found: tuple[str, ...]) -> None:
    assert origins_of(given) == found


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "null",
        "a.example",
        "//a.example",
        "https://",
        "https://a.example/",
        "https://a.example/path",
        "https://a.example?x",
        "https://a.example#x",
        "https://me@a.example",
        "https://a.example:",
        "https://a.example:x",
        "https://a.example:0",
        "https://a.example:99999",
        "https://*.example",
        "https://a b.example",
        "https://a..example",
        "http://[::1",
        "http://[zz]",
        "https://a.example https://b.example",
        "https://good.example, nonsense",
    ],
)
def test_what_is_no_origin(given: str) -> None:
    with pytest.raises(ValueError, match=r"write each as https://example\.org"):
        origins_of(given)


@pytest.mark.parametrize("given", ["*", "null"])
def test_no_word_stands_for_pages_that_nobody_named(given: str) -> None:
    with pytest.raises(ValueError, match="would let in any page"):
        origins_of(f"https://a.example, {given}")
