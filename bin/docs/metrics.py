"""docs/metrics.md: what each number of a kind of job means, from app/kinds; the rest is written by hand."""

from collections.abc import Iterator
from pathlib import Path

from app.kinds.kind import Metrics
from app.kinds.registry import KINDS
from bin.docs.markdown import item, paragraph
from bin.docs.marked_parts import with_part

BEGIN = "<!-- From the kinds of job (app/kinds) by `make docs`: do not edit it here. -->"
END = "<!-- End of what comes from the kinds of job. -->"


def document(repository: Path) -> str:
    """The whole text of docs/metrics.md."""
    sections = ["\n".join(section(kind.metrics)) for kind in KINDS.values()]
    return with_part(repository / "docs" / "metrics.md", BEGIN, END, "\n" + "\n".join(sections))


def section(metrics: Metrics) -> Iterator[str]:
    """One kind's: a heading, what is to be known first, an item for each number, and what follows from them."""
    yield f"## {metrics.heading}"
    yield ""
    if metrics.before:
        yield from [paragraph(metrics.before), ""]
    for names, meaning in metrics.meanings.items():
        quoted = ", ".join(f"`{name}`" for name in names.split(", "))
        yield item(f"{quoted}: {meaning}")
    yield ""
    if metrics.after:
        yield from [paragraph(metrics.after), ""]
