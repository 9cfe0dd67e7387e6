"""Repairs inside one document: encoding, control characters, boilerplate lines, private strings."""

import re
import unicodedata
from itertools import pairwise

import ftfy
from ftfy.badness import is_bad

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]")
SURROGATES = re.compile("[\ud800-\udfff]")
BLANKS, NEWLINES = re.compile(r"[ \t\u00a0]+"), re.compile(r"\n{3,}")
BREAKS = re.compile(r"\r\n?")
SENTENCE_END = re.compile(r"(?<=[.!?])[ \n]+|(?<=[。！？])[ \n]*|\n+")
LONGEST_BOILERPLATE = 200  # characters; a long line is a paragraph, whatever words it holds

# One hit makes a short line boilerplate: words of a page's frame, not of its text.
FRAME = re.compile(
    r"\bcookies? (?:policy|settings|preferences|to |on this)|(?:use|accept|uses|reject) (?:all )?cookies"
    r"|\bsubscribe\b.*(?:newsletter|channel|feed|update|now|list|free)|\bnewsletter\b"
    r"|all rights reserved|copyright (?:©|\(c\)|\d{4})|^\s*©"
    r"|\bclick (?:here|below|to )|^\s*(?:read more|continue reading)\W*$"
    r"|terms (?:of (?:use|service)|and conditions)|privacy policy"
    r"|\bshare (?:this|on|via)\b.*(?:page|post|article|facebook|mail|friends|on|via)"
    r"|^\s*(?:advertisement|sponsored|related (?:posts|articles)|loading\.*|skip to (?:main )?content)\s*[:.]?"
    r"|\b(?:log|sign) ?(?:in|up)\b.*(?:account|continue|free|comment|\|)|(?:home|menu) *[|>»›] *\w+"
    r"|\bpowered by\b|javascript|your browser (?:does not|is not)|page \d+ of \d+|\blast (?:updated|modified)\b"
    r"|版权所有|保留所有权利|点击(?:这里|此处|查看|阅读|下载|关注)|阅读全文|阅读更多|查看更多|关注(?:我们|本站|公众号)|订阅"
    r"|隐私(?:政策|条款)|服务条款|使用条款|分享到|上一篇|下一篇|责任编辑|本站|网站地图|广告位?$|登录后|免费注册|返回(?:顶部|首页)"
    r"|首页 *[|>»›]",
    re.IGNORECASE,
)
PRIVATE = {
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "IP address": re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)"),
    "secret key": re.compile(
        r"\b(?:sk|pk|ghp|key|tok|api)[-_][A-Za-z0-9_-]{16,}|(?:password|密码)\s*(?:is|[:：=]|是)\s*\S*\d\S*"
    ),
    "card or identity number": re.compile(r"(?<!\d)(?:\d[ -]?){15,18}[\dXx](?!\d)|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"),
    "telephone number": re.compile(
        r"(?<![\d.])(?:\+\d{1,3}[ -]?)?(?:\(?\d{3,4}\)?[ -])\d{3,4}[ -]?\d{4}(?!\d)|(?<!\d)1[3-9]\d{9}(?!\d)"
    ),
}


def normalized(text: str) -> str:
    """Encoding repaired (ftfy), composed form (Unicode NFC), no control characters or lone surrogates, plain blanks.

    Full-width and curly punctuation stay: they are right in Chinese and in books."""
    text = SURROGATES.sub("\ufffd", text)
    if is_bad(text):
        text = ftfy.fix_encoding(text)
    text = CONTROLS.sub("", BREAKS.sub("\n", unicodedata.normalize("NFC", text)))
    lines = [BLANKS.sub(" ", line).strip() for line in text.split("\n")]
    return NEWLINES.sub("\n\n", "\n".join(lines)).strip()


def without_boilerplate(text: str) -> str:
    """The text less the lines of a page's frame: menus, cookie notices, copyright."""
    lines = text.split("\n")
    kept = [line for line in lines if len(line) > LONGEST_BOILERPLATE or not FRAME.search(line)]
    return text if len(kept) == len(lines) else "\n".join(kept).strip()


def without_private(text: str) -> str:
    """The text less the sentences that hold a private-looking string. No mask stays behind for a model to learn."""
    if not any(pattern.search(text) for pattern in PRIVATE.values()):
        return text
    return "".join(sentence for sentence in _sentences(text) if not _is_private(sentence)).strip()


def _is_private(sentence: str) -> bool:
    return any(pattern.search(sentence) for pattern in PRIVATE.values())


def _sentences(text: str) -> list[str]:
    """The text in pieces that join to it again. A stop inside a number or an address ends nothing."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    return [text[start:end] for start, end in pairwise([0, *ends, len(text)]) if end > start]
