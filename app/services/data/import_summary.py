"""What became of an imported file: counted, and told in sentences."""

from dataclasses import dataclass, fields
from datetime import datetime

from app.translation import N_, _, ngettext, sentences

NO_ROWS = N_("The file has no rows, as the export of an empty list has none: there is nothing to import.")

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
    tagged: frozenset[tuple[int, str]] = frozenset()
    """Tags (and whose) of prompts that were there already: these have them, too, once all of it is in."""
    rankings: int = 0
    """New ones, comparisons of two among them."""
    repeated_rankings: int = 0
    other_comments: int = 0
    """Of these, those that have another comment in the file than here: they stay as they are."""
    votes: int = 0
    """New ones, of the arena."""
    repeated_votes: int = 0
    conversations: int = 0
    """New ones."""
    repeated_conversations: int = 0
    conversations_beside: int = 0
    """Of the new ones, those that began when another one of their labeler here did, and read otherwise."""
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
        names = [each.name for each in fields(self) if each.name not in ("columns_not_kept", "put_away", "tagged")]
        columns = sorted(self.columns_not_kept | other.columns_not_kept)[:SHOWN_COLUMNS]
        counts = {name: getattr(self, name) + getattr(other, name) for name in names}
        put_away = self.put_away | other.put_away
        tagged = self.tagged | other.tagged
        return ImportSummary(**counts, columns_not_kept=frozenset(columns), put_away=put_away, tagged=tagged)


def told(taken: ImportSummary) -> str:
    """Every count that is not zero is in it."""
    if not taken.lines:
        return _(NO_ROWS)
    here = *_there_already(taken), *_here_otherwise(taken)
    return sentences(_counted(taken), *here, *_not_trained_on(taken), *_not_kept(taken))


def _counted(taken: ImportSummary) -> str:
    rows = ngettext("{n} row read", "{n} rows read", taken.lines, n=f"{taken.lines:,}")
    new = _new(taken)
    if not taken.repeated:
        return _("{rows}: {new}.", rows=rows, new=new)
    there = ngettext(
        "{n} row had a prompt that was there already",
        "{n} rows had a prompt that was there already",
        taken.repeated,
        n=f"{taken.repeated:,}",
    )
    return _("{rows}: {new}; {there}.", rows=rows, new=new, there=there)


def _new(taken: ImportSummary) -> str:
    held = ngettext("{n} new conversation", "{n} new conversations", taken.conversations, n=f"{taken.conversations:,}")
    of_conversations = taken.conversations + taken.repeated_conversations
    if of_conversations and of_conversations == taken.lines:
        return held
    said = _new_records(taken)
    return _("{conversations}, {others}", conversations=held, others=said) if taken.conversations else said


def _new_records(taken: ImportSummary) -> str:
    prompts = ngettext("{n} new prompt", "{n} new prompts", taken.new, n=f"{taken.new:,}")
    rankings = ngettext("{n} new ranking", "{n} new rankings", taken.rankings, n=f"{taken.rankings:,}")
    if not taken.rankings:
        return _with_votes(prompts, taken)
    said = _("{prompts} and {rankings}", prompts=prompts, rankings=rankings) if taken.new else rankings
    return _with_votes(said, taken)


def _with_votes(said: str, taken: ImportSummary) -> str:
    if not taken.votes:
        return said
    votes = ngettext("{n} new vote", "{n} new votes", taken.votes, n=f"{taken.votes:,}")
    return _("{votes}, {others}", votes=votes, others=said)


def _there_already(taken: ImportSummary) -> list[str]:
    said = []
    if taken.repeated_rankings:
        said.append(
            ngettext(
                "{n} ranking was there already.",
                "{n} rankings were there already.",
                taken.repeated_rankings,
                n=f"{taken.repeated_rankings:,}",
            )
        )
    if taken.other_comments:
        said.append(
            ngettext(
                "{n} of them has another comment in the file than here, where it stays as it is.",
                "{n} of them have another comment in the file than here, where they stay as they are.",
                taken.other_comments,
                n=f"{taken.other_comments:,}",
            )
        )
    if taken.repeated_votes:
        said.append(
            ngettext(
                "{n} vote was there already.",
                "{n} votes were there already.",
                taken.repeated_votes,
                n=f"{taken.repeated_votes:,}",
            )
        )
    if taken.repeated_conversations:
        said.append(
            ngettext(
                "{n} conversation was there already.",
                "{n} conversations were there already.",
                taken.repeated_conversations,
                n=f"{taken.repeated_conversations:,}",
            )
        )
    if taken.conversations_beside:
        said.append(
            ngettext(
                "{n} conversation began at the same moment as one that is here and reads otherwise: both are kept.",
                "{n} conversations began at the same moment as others that are here and read otherwise: all are kept.",
                taken.conversations_beside,
                n=f"{taken.conversations_beside:,}",
            )
        )
    return said


def _here_otherwise(taken: ImportSummary) -> list[str]:
    """What differs from what is here, and which of them stays."""
    said = []
    if taken.kept:
        said.append(
            ngettext(
                "{n} row gives its prompt another split, language or place (archived) than it has here: it stays as it "
                "is.",
                "{n} rows give their prompts another split, language or place (archived) than they have here: they "
                "stay as they are.",
                taken.kept,
                n=f"{taken.kept:,}",
            )
        )
    if taken.put_away:
        said.append(
            ngettext(
                "{n} prompt that ships with Fourfold is archived here, too, as in the file.",
                "{n} prompts that ship with Fourfold are archived here, too, as in the file.",
                len(taken.put_away),
                n=f"{len(taken.put_away):,}",
            )
        )
    return said


def _not_trained_on(taken: ImportSummary) -> list[str]:
    said = []
    if taken.held_out:
        said.append(
            ngettext(
                "{n} ranking is about held-out prompts: kept, but not trained on.",
                "{n} rankings are about held-out prompts: kept, but not trained on.",
                taken.held_out,
                n=f"{taken.held_out:,}",
            )
        )
    if taken.archived:
        said.append(
            ngettext(
                "{n} ranking is about archived prompts: kept, but not trained on until the prompts are restored.",
                "{n} rankings are about archived prompts: kept, but not trained on until the prompts are restored.",
                taken.archived,
                n=f"{taken.archived:,}",
            )
        )
    return said


def _not_kept(taken: ImportSummary) -> list[str]:
    """What the file holds beyond what is taken."""
    said = []
    if taken.same_text:
        said.append(
            ngettext(
                "{n} comparison of a text with itself said nothing and was left out.",
                "{n} comparisons of a text with itself said nothing and were left out.",
                taken.same_text,
                n=f"{taken.same_text:,}",
            )
        )
    if taken.answers_not_kept:
        said.append(
            ngettext(
                "{n} answer was not compared with another and not kept: only the prompts are.",
                "{n} answers were not compared with another and not kept: only the prompts are.",
                taken.answers_not_kept,
                n=f"{taken.answers_not_kept:,}",
            )
        )
    if taken.questions_not_kept:
        said.append(
            ngettext(
                "{n} later question was not kept either.",
                "{n} later questions were not kept either.",
                taken.questions_not_kept,
                n=f"{taken.questions_not_kept:,}",
            )
        )
    if taken.columns_not_kept:
        columns = ", ".join(sorted(taken.columns_not_kept))
        said.append(_("Unknown columns were not kept: {columns}.", columns=columns))
    return said
