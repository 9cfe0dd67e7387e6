"""Documents written by hand except for one part between two marks, which comes from the code."""

from pathlib import Path


def with_part(path: Path, begin: str, end: str, part: str) -> str:
    """The text of `path` with what stands between the lines `begin` and `end` replaced by `part`.

    Raises ValueError where a mark is missing or stands there twice.
    """
    text = path.read_text()
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{path} must hold these two lines once each:\n{begin}\n{end}")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{part}{end}{after}"
