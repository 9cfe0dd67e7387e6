"""Every template names its context, every name that it uses is a field of it, and every field says what it is."""

import ast
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from typing import ClassVar

import pytest
from jinja2 import meta, nodes

import app.web
from app.layout import TEMPLATES
from app.web.templating import ENVIRONMENT, Context, Globals, PageContext, Shared

for _module in pkgutil.iter_modules(app.web.__path__):
    import_module(f"app.web.{_module.name}")

ABSTRACT = {Context, PageContext}
FILES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))


def _below(kind: type[Context]) -> Iterator[type[Context]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


CONTEXTS = sorted(
    {each for each in _below(Context) if each.__module__.startswith("app.") and hasattr(each, "template")} - ABSTRACT,
    key=lambda each: each.__name__,
)
EVERYWHERE = {each.name for of in (Shared, Globals) for each in fields(of)}


@dataclass(frozen=True)
class Parsed:
    tree: nodes.Template

    @property
    def wanted(self) -> set[str]:
        return meta.find_undeclared_variables(self.tree)

    @property
    def assigned(self) -> set[str]:
        """By `set`, `with`, `for`, macros and imports: for its blocks and for those that it includes."""
        imported = {str(name) for each in self.tree.find_all(nodes.FromImport) for name in each.names}
        macros = {each.name for each in self.tree.find_all(nodes.Macro)}
        stored = {each.name for each in self.tree.find_all(nodes.Name) if each.ctx in ("store", "param")}
        return imported | macros | stored

    def named(self, *kinds: type[nodes.Node]) -> set[str]:
        """The templates that it includes, extends or imports, by their names as text: no other ones."""
        found = set()
        for each in self.tree.find_all(kinds):
            template = each.template  # type: ignore[attr-defined]
            assert isinstance(template, nodes.Const), f"a template named by a value: {ast.dump(ast.parse(str(each)))}"
            found.add(template.value)
        return found


def parsed(template: str) -> Parsed:
    return Parsed(ENVIRONMENT.parse((TEMPLATES / template).read_text(encoding="utf-8")))


def names_wanted(template: str) -> set[str]:
    """From its context: by it and by all that it extends and includes."""
    own = parsed(template)
    others = own.named(nodes.Include, nodes.Extends)
    return own.wanted.union(*map(names_wanted, others)) - own.assigned


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda each: each.__name__)
def test_a_template_uses_the_fields_of_its_context(context: type[Context]) -> None:
    known = {each.name for each in fields(context)}
    wanted = names_wanted(context.template)
    assert wanted - known - EVERYWHERE == set(), "names that the context does not have"
    assert known - wanted == set(), "fields that the template does not use"
    assert not known & EVERYWHERE, "a field hides what every template may use"


def test_every_template_has_one_context_or_is_a_part() -> None:
    rendered = [context.template for context in CONTEXTS]
    assert len(set(rendered)) == len(rendered), "one template, two contexts"
    parts = {name for file in FILES for name in parsed(file).named(nodes.Include, nodes.Extends, nodes.FromImport)}
    assert set(rendered) | parts == set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_imported_macros_know_no_context(file: str) -> None:
    for macros in parsed(file).named(nodes.FromImport):
        assert parsed(macros).wanted <= {each.name for each in fields(Globals)}, macros


@pytest.mark.parametrize("documented", [*CONTEXTS, PageContext, Shared, Globals], ids=lambda each: each.__name__)
def test_every_field_says_what_it_is(documented: type) -> None:
    [body] = ast.parse(textwrap.dedent(inspect.getsource(documented))).body
    assert isinstance(body, ast.ClassDef)
    for field, after in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and ast.unparse(field.target) not in ("template", "page"):
            assert isinstance(after, ast.Expr), ast.unparse(field)
            assert isinstance(after.value, ast.Constant), ast.unparse(field)
    assert documented.__dict__.get("__doc__") or issubclass(documented, Context)


def test_globals_are_all_documented() -> None:
    own = set(ENVIRONMENT.globals) - set(type(ENVIRONMENT)().globals)
    assert own == {each.name for each in fields(Globals)}


def test_a_name_that_is_not_there_is_told() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Wrong(Context):
        template: ClassVar[str] = "train/_notice.html"

    with pytest.raises(AssertionError, match="names that the context does not have"):
        test_a_template_uses_the_fields_of_its_context(Wrong)


def test_what_people_write_is_no_html() -> None:
    assert ENVIRONMENT.from_string("{{ text }}").render(text="<b>&'") == "&lt;b&gt;&amp;&#39;"
