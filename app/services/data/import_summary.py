"""What became of an imported file: counted, and told in sentences."""

from dataclasses import dataclass, fields
from datetime import datetime

SHOWN_COLUMNS = 20


@dataclass(frozen=True)
class ImportSummary:
    """What became of a file's rows."""

    lines: int = 0
    new: int = 0
    """Prompts."""
    repeated: int = 0
    """Rows whose prompt was there already, or stands earlier in the file."""
    kept: int = 0
    """Of these, those that the file gives another split or language than they have, or archives: they stay as they
    are."""
    put_away: frozenset[tuple[int, datetime]] = frozenset()
    """Prompts (and since when) that ship with Fourfold, which nobody can delete, and are archived in the file: they
    will be here, too, once all of it is in."""
    rankings: int = 0
    """New ones, comparisons of two among them."""
    repeated_rankings: int = 0
    held_out: int = 0
    """Of the new ones, those about held-out prompts: kept, but not trained on."""
    archived: int = 0
    """Of the others, those about archived prompts: the same, until these are taken back."""
    same_text: int = 0
    """Comparisons of two answers with one text, which say nothing: left out."""
    answers_not_kept: int = 0
    """Of prompts that came with an answer each."""
    questions_not_kept: int = 0
    """The later ones of conversations whose answers are not kept."""
    columns_not_kept: frozenset[str] = frozenset()

    def __add__(self, other: "ImportSummary") -> "ImportSummary":
        names = [each.name for each in fields(self) if each.name not in ("columns_not_kept", "put_away")]
        columns = sorted(self.columns_not_kept | other.columns_not_kept)[:SHOWN_COLUMNS]
        counts = {name: getattr(self, name) + getattr(other, name) for name in names}
        put_away = self.put_away | other.put_away
        return ImportSummary(**counts, columns_not_kept=frozenset(columns), put_away=put_away)


def told(taken: ImportSummary) -> str:
    """Every count that is not zero is in it."""
    sentences = [_counted(taken)]
    if taken.repeated_rankings:
        sentences.append(f"{_many(taken.repeated_rankings, 'ranking was', 'rankings were')} there already.")
    if taken.kept:
        sentences.append(
            f"{_many(taken.kept, 'row gives its prompt', 'rows give their prompts')} another split, language or place "
            "(archived) than it has here: it stays as it is."
        )
    if taken.put_away:
        prompts = _many(
            len(taken.put_away), "prompt that ships with Fourfold is", "prompts that ship with Fourfold are"
        )
        sentences.append(f"{prompts} archived here, too, as in the file.")
    if taken.held_out:
        sentences.append(
            f"{_many(taken.held_out, 'ranking is', 'rankings are')} about held-out prompts: kept, but not trained on."
        )
    if taken.archived:
        sentences.append(
            f"{_many(taken.archived, 'ranking is', 'rankings are')} about archived prompts: kept, but not trained on "
            "until the prompts are restored."
        )
    sentences += _not_kept(taken)
    return " ".join(sentences)


def _counted(taken: ImportSummary) -> str:
    new = [_many(taken.new, "new prompt", "new prompts")] if taken.new or not taken.rankings else []
    new += [_many(taken.rankings, "new ranking", "new rankings")] if taken.rankings else []
    there = f"; {_many(taken.repeated, 'row', 'rows')} had a prompt that was there already" if taken.repeated else ""
    return f"{_many(taken.lines, 'row', 'rows')} read: {' and '.join(new)}{there}."


def _not_kept(taken: ImportSummary) -> list[str]:
    """What the file holds beyond what is taken."""
    said = []
    if taken.same_text:
        said.append(
            f"{_many(taken.same_text, 'comparison', 'comparisons')} of a text with itself said nothing and "
            f"{'was' if taken.same_text == 1 else 'were'} left out."
        )
    if taken.answers_not_kept:
        answers = _many(taken.answers_not_kept, "answer was", "answers were")
        said.append(f"{answers} not compared with another and not kept: only the prompts are.")
    if taken.questions_not_kept:
        said.append(f"{_many(taken.questions_not_kept, 'later question was', 'later questions were')} not kept either.")
    if taken.columns_not_kept:
        said.append(f"Unknown columns were not kept: {', '.join(sorted(taken.columns_not_kept))}.")
    return said


def _many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
