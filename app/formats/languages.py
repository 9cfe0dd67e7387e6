"""Languages by their codes (BCP 47), as prompts, models and people's browsers give them. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.translation import _, language

UNKNOWN = "und"
"""BCP 47's own word for a language that nobody knows: such prompts are for everybody."""
SHIPPED = ("en", "zh")
"""What the shipped model was made from."""
NAMES = {
    "ar": "العربية", "bn": "বাংলা", "cs": "Čeština", "de": "Deutsch", "el": "Ελληνικά", "en": "English",
    "es": "Español", "fa": "فارسی", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी",
    "id": "Bahasa Indonesia", "it": "Italiano", "ja": "日本語", "ko": "한국어", "nl": "Nederlands", "pl": "Polski",
    "pt": "Português", "ru": "Русский", "sv": "Svenska", "th": "ไทย", "tr": "Türkçe", "uk": "Українська",
    "vi": "Tiếng Việt", "zh": "中文",
}  # fmt: skip
_OTHER_SPELLINGS = {
    "eng": "en", "zho": "zh", "cmn": "zh", "chi": "zh", "ara": "ar", "arabic": "ar", "bengali": "bn", "chinese": "zh",
    "czech": "cs", "deu": "de", "dutch": "nl", "english": "en", "finnish": "fi", "fra": "fr", "french": "fr",
    "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "indonesian": "id", "ita": "it", "italian": "it",
    "japanese": "ja", "jpn": "ja", "kor": "ko", "korean": "ko", "persian": "fa", "polish": "pl", "por": "pt",
    "portuguese": "pt", "rus": "ru", "russian": "ru", "spa": "es", "spanish": "es", "swedish": "sv", "thai": "th",
    "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
_TAG = re.compile(r"[a-z]{2,3}(?:[-_].*)?", re.DOTALL)
_CODE = re.compile("[a-z]{2,3}")
_AT_MOST = 20
_REFUSED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
_SCRIPTS = {
    "zh": re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af\u1100-\u11ff]"),
    "en": re.compile("[A-Za-z]"),
}


@dataclass(frozen=True)
class Asked:
    """The languages of a person who ranks; none is any. `chosen`: the person said so, it is no guess of ours."""

    languages: frozenset[str] = frozenset()
    chosen: bool = False


ANY = Asked()


def primary(tag: str) -> str:
    """ "zh" of "zh-Hans-CN" and of "Chinese"; UNKNOWN of what is neither a tag nor a name."""
    lower = tag.strip().lower()
    code = re.split("[-_]", lower, maxsplit=1)[0] if _TAG.fullmatch(lower) else lower
    code = _OTHER_SPELLINGS.get(code, code)
    return code if _CODE.fullmatch(code) else UNKNOWN


def codes_of(tags: Iterable[object]) -> frozenset[str]:
    """The languages among what a person, a form or a model's card names; everything else is left out."""
    texts = [tag for tag in tags if isinstance(tag, str)][: 10 * _AT_MOST]
    return frozenset(map(primary, texts)) - {UNKNOWN}


def accepted(header: str) -> Asked:
    """Of a browser's Accept-Language."""
    return Asked(codes_of(preferred(header)))


def preferred(header: str) -> list[str]:
    """The languages of an Accept-Language header (RFC 9110, 12.5.4), the most wanted first; those refused left out."""
    parts = [part.split(";") for part in header.split(",")[:_AT_MOST]]
    wanted = [(tag, options) for tag, *options in parts if not any(map(_REFUSED.fullmatch, options))]
    return [primary(tag) for tag, _options in sorted(wanted, key=lambda each: -_weight(each[1]))]


def _weight(options: Iterable[str]) -> float:
    """Of `q=0.8`; 1 where none is given, or what is given is no number."""
    for option in options:
        name, _equals, value = option.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 1.0
    return 1.0


def guessed(text: str) -> str:
    """By the letters: kana are Japanese, hangul Korean, Han otherwise Chinese; Latin letters are taken for English,
    which most of them are; what has none of these is unknown."""
    for code in ("ja", "ko", "zh", "en"):
        if _SCRIPTS[code].search(text):
            return code
    return UNKNOWN


def name(code: str) -> str:
    """A language's own name for itself, as far as we know it."""
    return NAMES.get(code, code)


def listed(codes: Iterable[str]) -> str:
    """ "English and 中文"."""
    return in_a_row([name(code) for code in sorted(codes)])


def in_a_row(names: Sequence[str]) -> str:
    """Names as a list in a sentence: "A, B and C"."""
    if len(names) < 2:
        return "".join(names)
    earlier, last = _apart(_with_commas(names[:-1]), names[-1])
    return _("{earlier} and {last}", earlier=earlier, last=last)


def either(names: Sequence[str]) -> str:
    """Names as a choice in a sentence: "A, B or C"."""
    if len(names) < 2:
        return "".join(names)
    earlier, last = _apart(_with_commas(names[:-1]), names[-1])
    return _("{earlier} or {last}", earlier=earlier, last=last)


def _apart(earlier: str, last: str) -> tuple[str, str]:
    """Chinese writes a blank between its own characters and those of another script, and none between its own: the
    word that joins the two is Chinese."""
    if language() != "zh":
        return earlier, last
    before = " " if earlier[-1:].isalnum() and not _SCRIPTS["zh"].match(earlier[-1]) else ""
    behind = " " if last[:1].isalnum() and not _SCRIPTS["zh"].match(last[0]) else ""
    return earlier + before, behind + last


def _with_commas(names: Sequence[str]) -> str:
    said = names[0]
    for each in names[1:]:
        said = _("{earlier}, {next}", earlier=said, next=each)
    return said
