"""Names that nothing bears, drawn anew each time: copied they can be, learned by heart they cannot."""

from functools import cache
from random import Random

from app.corpus.banks import Language, load_banks, load_translations
from app.corpus.edge_questions import edge_questions
from app.corpus.wording import HAN, capital, normalized, pick, with_article, without_article

ORDER = 3  # letters that decide the next one of a made-up English word
WORD_LETTERS = (4, 12)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
EN_FORMS = (
    ("a {w}", 14), ("{w}", 12), ("the {w}", 4), ("{W}", 10), ("the {W}", 4), ("{W} {V}", 12), ("a {k} {l}", 10),
    ("the {k} {l}", 3), ("{k} {l}", 6), ("a {k} {w}", 6), ("a {w} {k}", 6), ("the {k} of {W}", 4), ("{W} {k}", 4),
    ("{w}s", 6), ("{m}", 6), ("a {m}", 4), ("{w} {v}", 3), ("Mount {W}", 1), ("the {W} {k}", 2), ("the {W} War", 1),
)  # fmt: skip
ZH_FORMS = (
    ("{c}{d}", 12), ("{c}{d}{e}", 14), ("{c}{d}{e}{f}", 6), ("{k}{c}", 9), ("{c}{k}", 9), ("{k}{l}", 12), ("{c}", 2),
    ("{c}{k}{d}", 4), ("{k}{c}{d}", 5), ("{c}{d}{k}", 6), ("{r}{s}", 5), ("{r}{s}{t}", 8), ("{r}{s}{t}{u}", 4),
    ("{k}{l}{c}", 3), ("{r}{s}·{t}{u}", 1),
)  # fmt: skip
SOUNDS = (
    "阿巴卡达法甘哈基拉玛纳皮奇萨塔维希亚佐布德菲格霍库洛米努普瑞斯托乌温泽扎贝科莱莫尼波伊尔森特诺兰克罗恩丁西利加马里"
)


@cache
def _known_words(language: Language) -> tuple[str, ...]:
    """Names of the banks, without articles: of English ones the last word, of Chinese ones the short."""
    banks = load_banks(language)
    things = [getattr(thing, language) for thing in load_translations().things]
    items = [item for category in banks.categories for item in category.items]
    names = {without_article(name) for name in (*(entry.name for entry in banks.concepts), *things, *items)}
    if language == "en":
        words = {name.split()[-1].lower() for name in names if name.isascii()}
        return tuple(sorted(word for word in words if not word.endswith("s")))
    return tuple(sorted(name for name in names if len(name) <= 3 and HAN.fullmatch(name[0])))


@cache
def _next_letters() -> dict[str, str]:
    """What follows each few letters in the names that the English banks know and do not know."""
    banks = load_banks("en")
    names = [name for entry in banks.unknown for name in entry.things]
    words = {word for name in names for word in normalized(name).split() if word.isalpha() and word.isascii()}
    followers: dict[str, str] = {}
    for word in sorted(words | set(_known_words("en"))):
        padded = "^" * ORDER + word + "$"
        for place in range(ORDER, len(padded)):
            key = padded[place - ORDER : place]
            followers[key] = followers.get(key, "") + padded[place]
    return followers


def invented_word(rng: Random) -> str:
    """Letters as they follow one another in English names, now and then any letter."""
    while True:
        word = "^" * ORDER
        while not word.endswith("$") and len(word) < 2 * WORD_LETTERS[1]:
            word += pick(rng, LETTERS if rng.random() < 0.04 else _next_letters().get(word[-ORDER:], "$"))
        said = word.strip("^$")
        if WORD_LETTERS[0] <= len(said) <= WORD_LETTERS[1]:
            return said


def sounding(rng: Random, language: Language) -> str:
    """A made-up word that sounds like one from abroad."""
    if language == "zh":
        return "".join(rng.choice(SOUNDS) for _ in range(rng.choice((2, 2, 3))))
    word = invented_word(rng)
    return capital(word) if rng.random() < 0.5 else word


@cache
def _characters() -> tuple[str, str]:
    """Chinese characters that the banks use, and all of the standard set GB 2312."""
    banks = load_banks("zh")
    texts = [name for entry in banks.unknown for name in entry.things]
    texts += [fact for entry in banks.concepts for fact in (*entry.facts, entry.name)]
    used = {sign for text in texts for sign in text if HAN.fullmatch(sign)}
    pairs = (bytes((row, place)) for row in range(0xB0, 0xF8) for place in range(0xA1, 0xFF))
    standard = "".join(pair.decode("gb2312", errors="ignore") for pair in pairs)
    return "".join(sorted(used)), standard


def _character(rng: Random) -> str:
    used, standard = _characters()
    place = rng.random()
    return pick(rng, used if place < 0.55 else standard[:3755] if place < 0.9 else standard)


def _misspelt(rng: Random, word: str) -> str:
    """One letter changed, one left out or one more."""
    place = rng.randrange(len(word))
    return word[:place] + pick(rng, ("", pick(rng, LETTERS), word[place] + pick(rng, LETTERS))) + word[place + 1 :]


def _one(rng: Random, language: Language) -> str:
    forms = EN_FORMS if language == "en" else ZH_FORMS
    form = rng.choices([form for form, _ in forms], [share for _, share in forms])[0]
    known = _known_words(language)
    values = {"k": pick(rng, known), "l": pick(rng, known)}
    if language == "zh":
        return form.format(
            **values, **{slot: _character(rng) for slot in "cdef"}, **{s: pick(rng, SOUNDS) for s in "rstu"}
        )
    first, second = invented_word(rng), invented_word(rng)
    misspelt = _misspelt(rng, pick(rng, [word for word in known if len(word) > 3]))
    return form.format(**values, w=first, v=second, W=capital(first), V=capital(second), m=misspelt)


def invented_name(rng: Random, language: Language) -> str:
    """A name of a thing, with its article in English, that neither the banks know nor the evaluation asks for."""
    while True:
        name = _one(rng, language)
        if language == "en":
            name = with_article(name)
        if normalized(without_article(name)) not in _taken(language):
            return name


@cache
def _taken(language: Language) -> frozenset[str]:
    banks = load_banks(language)
    names = {entry.name for entry in banks.concepts} | {item for one in banks.categories for item in one.items}
    names |= {entry.name for entry in banks.everyday.concepts}
    names |= {entry.plural for entry in (*banks.categories, *banks.everyday.categories)}
    names |= {item for one in banks.everyday.categories for item in one.items}
    names |= {getattr(thing, language) for thing in load_translations().things}
    names |= {question.name for question in edge_questions() if question.language == language}
    return frozenset(normalized(without_article(name)) for name in (*names, *_known_words(language)))
