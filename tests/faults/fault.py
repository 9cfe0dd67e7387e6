"""What a fault is: one small change to the product that some test must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`old` stands exactly once in `file` and is replaced by `new`; `tests` are the nearest ones, as pytest takes
    them."""

    file: str
    tests: tuple[str, ...]
    name: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        """Raises ValueError where the code has changed so that the fault means nothing any more."""
        count = source.count(self.old)
        if count != 1:
            raise ValueError(
                f"fault {self.name!r}: its old text stands {count} times in {self.file}, not once. "
                f"Write it anew for today's code:\n{self.old}"
            )
        if self.new == self.old:
            raise ValueError(f"fault {self.name!r} changes nothing.")
        return source.replace(self.old, self.new)


class In:
    """Faults of one file that the same tests are nearest to; a single fault may name others."""

    def __init__(self, file: str, *tests: str) -> None:
        self.file, self.tests = file, tests

    def __call__(self, name: str, old: str, new: str, *tests: str) -> Fault:
        return Fault(file=self.file, tests=tests or self.tests, name=name, old=old, new=new)
