"""The catalogues have every message of the code, each translated, with the same values to fill in."""

import ast
import functools
import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from app.translation import LANGUAGES, SOURCE_LANGUAGE, catalogue_path
from bin.write_messages import SOURCES, extracted, messages_of, updated
from tests.repository import REPOSITORY

CALL = re.compile(r"(?<![\w$.])(?:_|N_|ngettext|about)\(\s*(.)")
"""A message is asked for; its first group is how what stands there begins."""
SCRIPTS = sorted((REPOSITORY / "static/js").glob("*.js"))
OTHERS = sorted(LANGUAGES.keys() - {SOURCE_LANGUAGE})


PROGRAMS: tuple[str, ...] = (
    "api",
    "backup",
    "cli",
    "corpus",
    "db/schema.py",
    "http/listening.py",
    "installation.py",
    "layout.py",
)
PROGRAMS += ("training/datasets.py", "training/pretrain.py", "training/sft.py", "training/supervised.py")
PROGRAMS += ("worker/slots.py",)
"""What no page and no job calls: the API, the command line, the start."""


def _forms(text: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [""])


def _values(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name is not None}


def _messages(code: str) -> list[Message]:
    return [
        message for message in read_po(BytesIO(catalogue_path(code).read_bytes()), abort_invalid=True) if message.id
    ]


@pytest.mark.parametrize("code", OTHERS)
def test_a_catalogue_has_what_the_code_has(code: str) -> None:
    text = catalogue_path(code).read_text(encoding="utf-8")
    assert text == updated(text), "run `make messages`, and translate what is new"


@pytest.mark.parametrize("code", OTHERS)
def test_every_message_is_translated_with_the_same_values(code: str) -> None:
    wrong = []
    for message in _messages(code):
        forms, strings = _forms(message.id), _forms(message.string)
        wanted = set.union(*map(_values, forms))
        if not all(strings) or any(_values(string) != wanted for string in strings):
            wrong.append(message.id)
    assert not wrong


@pytest.mark.parametrize("other", ["您", "激活", "评论", "刷新", "移除"])
def test_chinese_calls_one_thing_by_one_name(other: str) -> None:
    """Pages say 你, 启用, 备注, 重新加载 and 删除."""
    assert not [message.id for message in _messages("zh") for text in _forms(message.string) if other in text]


def test_chinese_signs_and_blanks_are_where_a_reader_expects_them() -> None:
    """Full-width signs behind Chinese, and no blank before a version's name, which is Chinese (版本 has its number)."""
    odd = re.compile(r"[\u4e00-\u9fff][,;:!?.](?!\w)|[，。；：！？、“] |(?<!版本) \{versions?\}|\.\.\.")
    assert not [text for message in _messages("zh") for text in _forms(message.string) if odd.search(text)]


def test_messages_are_plain_text() -> None:
    html = re.compile(r"</?[a-z]+[ >]|&[a-z]+;|&#")
    assert not [message.id for message in extracted() for form in _forms(message.id) if html.search(form)]


@pytest.mark.parametrize("method", ["python", "javascript"])
def test_no_message_hides_in_another_text(method: str) -> None:
    """Babel does not see a call within a template literal or an f-string: its message would stay English."""
    hidden = {}
    for path in sorted(REPOSITORY.glob(SOURCES[method])):
        lines = path.read_text(encoding="utf-8").splitlines()
        code = "\n".join(line for line in lines if not line.lstrip().startswith(("/**", "* ", "//", "#")))
        code = re.sub(r"`[^`\n]*`", "", code) if method == "python" else code  # docstrings quote some
        literal = [begin for begin in CALL.findall(code) if begin in "\"'"]
        seen = list(messages_of(method, path))
        if len(literal) != len(seen):
            hidden[path.name] = (len(literal), len(seen))
    assert hidden == {}


def test_messages_of_scripts_are_literal_strings() -> None:
    """Babel takes the end of `_(a ? "b" : "c")` for all of it."""
    calls = [(path.name, begin) for path in SCRIPTS for begin in CALL.findall(path.read_text(encoding="utf-8"))]
    others = [name for name, begin in calls if begin != '"']
    assert set(others) == {"messages.js"}, "where they are defined"


@pytest.mark.parametrize("code", ['`${_("within")}`', 'const a = `a ${ngettext("one", "{n}", n)} b`'])
def test_a_message_within_a_template_literal_is_not_seen(code: str, tmp_path: Path) -> None:
    """If Babel learns to see it, the test before can go."""
    script = tmp_path / "script.js"
    script.write_text(code, encoding="utf-8")
    assert CALL.findall(code)
    assert list(messages_of("javascript", script)) == []


def _app_errors(trees: Iterable[ast.Module]) -> set[str]:
    """Names of AppError and of all that are made of it."""
    bases = {
        each.name: {ast.unparse(base) for base in each.bases}
        for tree in trees
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
    }
    known = {"AppError"}
    while fresh := {name for name, of in bases.items() if of & known} - known:
        known |= fresh
    return known


def _is_english(said: ast.expr) -> bool:
    """A text as it stands, or a constant by its name: `_` was not asked."""
    if isinstance(said, ast.BinOp):
        return _is_english(said.left) or _is_english(said.right)
    if isinstance(said, ast.IfExp):
        return _is_english(said.body) or _is_english(said.orelse)
    named = isinstance(said, ast.Name) and said.id.isupper()
    return named or isinstance(said, ast.JoinedStr) or (isinstance(said, ast.Constant) and isinstance(said.value, str))


@functools.cache
def _trees() -> dict[str, ast.Module]:
    """Of each module of the program, by its path in it."""
    app = REPOSITORY / "app"
    return {path.relative_to(app).as_posix(): ast.parse(path.read_text("utf-8")) for path in sorted(app.rglob("*.py"))}


def _untranslated(tree: ast.Module, errors: set[str]) -> list[int]:
    """Lines where an error is made whose sentence for pages is in no catalogue."""
    lines = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in errors and call.args:
            page = [word.value for word in call.keywords if word.arg == "page"]
            if _is_english((page or call.args)[0]):
                lines.append(call.lineno)
    return lines


def test_what_pages_and_jobs_refuse_is_told_by_a_message() -> None:
    """A sentence of a job is kept in English, and found again by its words (app/web/retelling.py)."""
    errors = _app_errors(_trees().values())
    assert {"InvalidError", "TrainingError", "CheckpointError"} <= errors
    wrong = {
        name: lines
        for name, tree in _trees().items()
        if not name.startswith(PROGRAMS) and (lines := _untranslated(tree, errors))
    }
    assert wrong == {}


def test_the_check_finds_an_untranslated_error() -> None:
    source = (
        'InvalidError("a")\nInvalidError(f"a {b}")\nInvalidError("a", page=_("b"))\nInvalidError(_("a"))\n'
        'InvalidError(_("a"), page=B)\nInvalidError("a" + b)\nOther("a")'
    )
    assert _untranslated(ast.parse(source), {"InvalidError"}) == [1, 2, 5, 6]


def _english_values(tree: ast.Module) -> list[int]:
    """Lines where a message is asked for with English words as a value: of two or more, or what stands in for nothing
    (`or "none"`)."""
    bound = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    lines = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("_", "ngettext"):
            values = [bound.get(ast.unparse(word.value), word.value) for word in call.keywords]
            if any(_holds_words(value) for value in values):
                lines.append(call.lineno)
    return lines


CODES = ("default",)
"""Values of settings, not words."""
PROSE = re.compile(r"(?<![._\w])[a-z]{2,}(?![_\w])")
"""Of a text that is filled in: a word, and no name of a column."""


def _holds_words(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return False  # what the function says of a text is its own affair
    if isinstance(value, ast.BoolOp):
        last = value.values[-1]
        if isinstance(last, ast.Constant) and re.search("[a-z]{2}", str(last.value)):
            return last.value not in CODES
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "join":
        return re.search("[a-z]{2}", ast.unparse(value.func.value)) is not None
    if isinstance(value, ast.JoinedStr):
        return any(isinstance(each, ast.Constant) and PROSE.search(str(each.value)) for each in value.values)
    if isinstance(value, ast.Constant):
        return re.search("[A-Za-z]{2,} [a-z]{2,}", str(value.value)) is not None
    return any(_holds_words(each) for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr))


def test_no_message_is_filled_with_english_words() -> None:
    wrong = {
        name: lines
        for name, tree in _trees().items()
        if not name.startswith(PROGRAMS) and (lines := _english_values(tree))
    }
    assert wrong == {}


def test_the_check_finds_english_values() -> None:
    source = (
        'known = "user or system"\n_("{a} must be {b}.", a=a, b=known)\n_("{a}", a=", ".join(a) or "none")\n'
        '_("{a}", a=" and ".join(a))\n_("{a}", a=f"{b} of them")\n_("{a}", a="max_tokens", b=number(n))\n'
        '_("{a}", a=_("two words"), b=", ".join(names))'
    )
    assert _english_values(ast.parse(source)) == [2, 3, 4, 5]
