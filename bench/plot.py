"""A small plot as SVG: points and lines over two axes, for the pages of docs/. Knows nothing of what it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 560, 340, 52
COLOURS = ("#0b6e99", "#b3541e", "#5b7f2b", "#7a4fa3")
MARKS = ("circle", "square", "diamond", "circle")


@dataclass(frozen=True)
class Series:
    """`points` are shown as marks; `line` is joined. Both (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]
    line: Sequence[tuple[float, float]] = ()


def plot(title: str, x_name: str, y_name: str, series: Sequence[Series]) -> str:
    """The SVG. Colours tell the series apart, and so do the shapes of their marks."""
    every = [point for one in series for point in (*one.points, *one.line)] or [(0.0, 0.0)]
    left, right = min(0.0, *(x for x, _ in every)), max(x for x, _ in every) or 1.0
    low, high = min(0.0, *(y for _, y in every)), max(0.1, *(y for _, y in every))

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - left) / (right - left) * (WIDTH - 2 * MARGIN)
        up = (point[1] - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return MARGIN + across, HEIGHT - MARGIN - up

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(WIDTH / 2, 22, title, "middle", 15),
        _text(WIDTH / 2, HEIGHT - 12, x_name, "middle", 12),
        _text(8, MARGIN - 14, y_name, "start", 12),
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + share * (right - left), low + share * (high - low)
        across, _ = place((x, low))
        _, up = place((left, y))
        parts.append(f'<line x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{up:.1f}" y2="{up:.1f}" stroke="#ddd"/>')
        parts.append(_text(across, HEIGHT - MARGIN + 16, f"{x:.1f}", "middle", 11))
        parts.append(_text(MARGIN - 6, up + 4, f"{y:.1f}", "end", 11))
    for number, one in enumerate(series):
        colour, kind = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        if one.line:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, one.line))
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [_mark(kind, *place(point), colour) for point in one.points]
        parts.append(_mark(kind, MARGIN + 10, MARGIN + 6 + 17 * number, colour))
        parts.append(_text(MARGIN + 20, MARGIN + 10 + 17 * number, one.name, "start", 12))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str, size: int) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">{escape(text)}</text>'


def _mark(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
    turned = f' transform="rotate(45 {x:.1f} {y:.1f})"' if kind == "diamond" else ""
    return f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" fill="{colour}"{turned}/>'
