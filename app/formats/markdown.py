"""Markdown as HTML that nothing can execute or load: of answers, and of the guidelines for labelers.

CommonMark with tables and strikethrough, read by markdown-it-py. HTML in the text stays text. Pictures are shown as
their words and their address; what a link leads to stands behind it. What is too long, or nested too deep, to be worth
reading as Markdown is given as it was written: nothing is lost.
"""

import re
from collections.abc import MutableMapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup, escape

MAX_CHARACTERS = 20_000
MAX_NESTING = 20
MAX_CELLS = 20_000
"""Of a table: short rows below a long first one are filled up."""
TOP_HEADING = 3
"""A page's own headings are the first two."""
_DEEPEST_HEADING = 6
_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
_OF_ONE_DIRECTION = ("p", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "th", "td")
_WIDE = '<div class="wide" tabindex="0">'  # scrolls by itself, by keyboard, too


def to_html(text: str) -> Markup:
    """Safe to put into a page. Elements: p, h3 to h6, ul, ol, li, blockquote, pre, code, em, strong, s, hr, br, a,
    span, div, and those of a table. Classes: `wide` around a table, `align-left`, `align-center` and `align-right` of
    its cells, `address` behind a link, `picture` for one that is not loaded, `as-written` for text that was not read.
    """
    if len(text) > MAX_CHARACTERS or _most_cells(text) > MAX_CELLS:
        return _as_written(text)
    env: dict[str, Any] = {}
    blocks = _READER.parse(text, env)
    if any(block.nesting == 1 and block.level >= MAX_NESTING - 1 for block in blocks):
        return _as_written(text)  # the reader drops what is nested deeper
    _lower_headings(blocks)
    for block in blocks:
        _give_direction(block)
        for piece in block.children or ():
            _tell_address(piece)
    return Markup(_READER.renderer.render(blocks, _READER.options, env))


def _as_written(text: str) -> Markup:
    return Markup('<div class="as-written" dir="auto">{}</div>\n').format(escape(text))


def _most_cells(text: str) -> int:
    lines = text.splitlines()
    return len(lines) * max((line.count("|") for line in lines), default=0)


def _lower_headings(blocks: Sequence[Token]) -> None:
    """The levels that a text uses become levels without a gap, below those of the page."""
    used = sorted({block.tag for block in blocks if block.type == "heading_open"})
    lowered = {tag: f"h{min(place, _DEEPEST_HEADING)}" for place, tag in enumerate(used, start=TOP_HEADING)}
    for block in blocks:
        if block.type in ("heading_open", "heading_close"):
            block.tag = lowered[block.tag]


def _give_direction(block: Token) -> None:
    if block.nesting == 1 and block.tag in _OF_ONE_DIRECTION:
        block.attrSet("dir", "auto")
    alignment = str(block.attrs.pop("style", ""))  # the pages allow no style that stands in an element
    if alignment:
        block.attrSet("class", f"align-{alignment.rpartition(':')[2]}")


def _tell_address(piece: Token) -> None:
    if piece.type == "link_open":
        piece.attrSet("target", "_blank")
        piece.attrSet("rel", "noopener noreferrer nofollow")


def _is_address(url: str) -> bool:
    """Of the whole web, or mail: nothing that a browser would execute, and no page of this program."""
    return _ADDRESS.match(url) is not None


class _Renderer(RendererHTML):
    """With the address behind each link, no pictures, and tables that scroll by themselves."""

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        """Nothing for `[words]()`: to a browser, an empty address is the page that it stands on."""
        return self.renderToken(tokens, idx, options, env) if tokens[idx].attrs["href"] else ""

    def link_close(self, tokens: Sequence[Token], idx: int, *_: object) -> str:
        opened = next(place for place in range(idx, -1, -1) if tokens[place].type == "link_open")
        address = str(tokens[opened].attrs["href"])
        if not address:
            return ""
        shown = "".join(piece.content for piece in tokens[opened + 1 : idx])
        if shown in (address, address.removeprefix("mailto:")):
            return "</a>"
        return f'</a> <span class="address" dir="ltr">({escapeHtml(address)})</span>'

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        words = self.renderInlineAsText(tokens[idx].children, options, env)
        address = str(tokens[idx].attrs["src"])
        shown = f'{escapeHtml(words)} <span class="address" dir="ltr">({escapeHtml(address)})</span>'
        return f'<span class="picture">{shown}</span>'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return _WIDE + self.renderToken(tokens, idx, options, env)

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return self.renderToken(tokens, idx, options, env) + "</div>\n"


def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING}, renderer_cls=_Renderer)
    reader.enable(["table", "strikethrough"])
    reader.validateLink = _is_address  # type: ignore[method-assign]  # as its documentation says
    return reader


_READER = _reader()
