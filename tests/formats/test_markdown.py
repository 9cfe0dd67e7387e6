"""Markdown from models and strangers: what people mean by it is there, and nothing of it runs, loads or hangs."""

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.markdown import MAX_CHARACTERS, to_html

ELEMENTS = {
    "p",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "pre",
    "code",
    "em",
    "strong",
    "s",
    "hr",
    "br",
    "a",
    "span",
    "div",
}
ELEMENTS |= {"table", "thead", "tbody", "tr", "th", "td"}
WITHOUT_END = {"hr", "br"}
ATTRIBUTES = {"dir", "class", "tabindex", "start", "href", "target", "rel", "title"}
SCHEMES = ("http://", "https://", "mailto:")
PIECES = [
    *("<script>", "<img src=x onerror=alert(1)>", "<!--", "javascript:alert(1)", "data:text/html,x", "vbscript:x"),
    *("java&#115;cript&colon;x", "JaVaScRiPt:", "java\tscript:", "https://a.b/?c=\"'<>&", "//c.d", "/train"),
    *("[a](", ")", "![", "]", "[", "](<", ">", "<https://e.f", "\n", "\n\n", "> ", "- ", "1. ", "    ", "```", "`"),
    *(
        "|",
        "|-|:-:|\n",
        "*",
        "**",
        "_",
        "~~",
        "# ",
        "\\",
        "&amp;",
        "&lt;",
        "[x]: ",
        "\u202e",
        "\u200b",
        "é",
        "字",
        "a b",
    ),
    *(' "title" onclick="', "' onclick='", "mailto:g@h.i", "\x00", "=\n", "---\n", "\ud800"),
]


class Reader(HTMLParser):
    """Reads as a browser would, and refuses whatever is not on the lists."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        given = dict(attrs)
        if tag == "a":
            assert (given["rel"], given["target"]) == ("noopener noreferrer nofollow", "_blank")
            self.links.append(given["href"] or "")
            assert self.links[-1].lower().startswith(SCHEMES)
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def refuse(self, what: str) -> None:
        raise AssertionError(what)

    def handle_comment(self, data: str) -> None:
        self.refuse(data)

    def handle_decl(self, decl: str) -> None:
        self.refuse(decl)

    def handle_pi(self, data: str) -> None:
        self.refuse(data)


def read(text: str) -> Reader:
    return Reader(str(to_html(text)))


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=40).map("".join))
def test_nothing_runs_and_nothing_is_loaded_whatever_is_written(text: str) -> None:
    read(text)


def test_what_people_mean_by_it_is_there() -> None:
    html = to_html("# One\n\n- *a*\n  1. **b**\n\n> c\n\n`d`\n\n```py\n<e>\n```\n\n|f|g|\n|:-|-:|\n|~~h~~|i|\n\nj  \nk")
    for element in (
        "<h3 ",
        "<ul ",
        "<em>a</em>",
        "<ol ",
        "<strong>b</strong>",
        "<blockquote ",
        "<code>d</code>",
        "<br",
    ):
        assert element in html
    assert '<code class="language-py">&lt;e&gt;' in html
    assert '<div class="wide" tabindex="0"><table>' in html
    assert '<td dir="auto" class="align-left"><s>h</s></td>' in html  # by class: the pages allow no style in an element
    assert "style" not in html


def test_levels_of_headings_leave_no_gap_and_stand_below_the_pages_own() -> None:
    assert [part[:2] for part in to_html("# a\n\n#### b\n\n# c").split("<")[1::2]] == ["h3", "h4", "h3"]
    assert "<h3 " in to_html("###### a")
    assert to_html("# a\n## b\n### c\n#### d\n##### e\n###### f").count("<h6 ") == 3


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "JAVASCRIPT:alert(1)", "java&#115;cript&colon;alert(1)", "javascript&#58;alert(1)"),
        *("data:text/html,<script>", "vbscript:x", "file:///etc/passwd", "//evil.example", "/train", "#ask", "?a=b"),
        *("http:x", "blob:http://a", "&#1;javascript:alert(1)", "\\javascript:x", "%6aavascript:x", "tel:1"),
    ],
)
def test_only_the_web_and_mail_are_linked(address: str) -> None:
    for text in (f"[a]({address})", f"[a](<{address}>)", f"<{address}>", f"[a]\n\n[a]: {address}"):
        assert read(text).links == []
    assert read(f"![a]({address})").links == []


def test_a_link_to_nowhere_is_its_words() -> None:
    reader = read("[a *b*]() and [c](\n) and ![d]()")
    assert (reader.links, reader.text) == ([], "a b and c and d ()\n")


def test_where_a_link_leads_is_shown_behind_it() -> None:
    reader = read('[our bank](https://evil.example/x "a title") and <https://a.example> or [mail](mailto:a@b.example)')
    assert reader.text == ("our bank (https://evil.example/x) and https://a.example or mail (mailto:a@b.example)\n")
    assert reader.links == ["https://evil.example/x", "https://a.example", "mailto:a@b.example"]
    assert "(https://xn--80ak6aa92e.com)" in read("[apple](https://аррӏе.com)").text  # letters that only look alike
    assert "(https://evil.example)" in read("[https://good.example](https://evil.example)").text


def test_pictures_are_words() -> None:
    reader = read("![a *cat*](https://beacon.example/?who=me) ![](data:image/png;base64,AAAA)")
    assert reader.text == "a cat (https://beacon.example/?who=me) ![](data:image/png;base64,AAAA)\n"
    assert reader.links == []


HUGE = {
    "quotes": ">" * 10_000 + "a",
    "quotes with blanks": "> " * 10_000 + "a",
    "stairs of quotes": "".join(">" * n + "a\n" for n in range(190)),
    "lists in lists": "- " * 9_999,
    "stairs of lists": "".join("  " * n + "- a\n" for n in range(130)),
    "brackets": "[" * MAX_CHARACTERS,
    "pictures in pictures": "![" * (MAX_CHARACTERS // 2),
    "marks": "*a_" * (MAX_CHARACTERS // 3),
    "ticks": "".join("`" * n + "a" for n in range(190)),
    "a wide table": "|a" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "|b|\n" * 2_000,
    "a long table": "|a|b|\n|-|-|\n" + "|c|d|\n" * 3_000,
    "too long": "*a* " * MAX_CHARACTERS,
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_texts_take_bounded_time_and_lose_no_letter(name: str) -> None:
    began = time.process_time()
    reader = read(HUGE[name])
    assert time.process_time() - began < 5  # two orders above what it takes
    letters = [letter for letter in HUGE[name] if letter.isalpha()]
    assert [letter for letter in reader.text if letter.isalpha()] == letters


def test_what_is_not_read_is_shown_as_it_was_written() -> None:
    text = "> " * 30 + "<b>a</b>"
    assert to_html(text) == '<div class="as-written" dir="auto">' + "&gt; " * 30 + "&lt;b&gt;a&lt;/b&gt;</div>\n"
    assert "<blockquote" in to_html("> " * 9 + "a")
