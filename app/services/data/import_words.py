"""What happened to an imported file, in sentences."""

from app.services.data.taking_in import Imported


def told(found: Imported) -> str:
    """Every count that is not zero is in it."""
    sentences = [_taken(found)]
    if found.repeated_rankings:
        sentences.append(f"{_many(found.repeated_rankings, 'ranking was', 'rankings were')} there already.")
    if found.kept:
        sentences.append(
            f"{_many(found.kept, 'row gives its prompt', 'rows give their prompts')} another split, language or place "
            "(archived) than it has here: it stays as it is."
        )
    if found.put_away:
        prompts = _many(
            len(found.put_away), "prompt that ships with Fourfold is", "prompts that ship with Fourfold are"
        )
        sentences.append(f"{prompts} archived here, too, as in the file.")
    if found.held_out:
        sentences.append(
            f"{_many(found.held_out, 'ranking is', 'rankings are')} about held-out prompts: kept, but not trained on."
        )
    if found.archived:
        sentences.append(
            f"{_many(found.archived, 'ranking is', 'rankings are')} about archived prompts: kept, but not trained on "
            "until the prompts are restored."
        )
    sentences += _not_kept(found)
    return " ".join(sentences)


def _taken(found: Imported) -> str:
    taken = [_many(found.new, "new prompt", "new prompts")] if found.new or not found.rankings else []
    taken += [_many(found.rankings, "new ranking", "new rankings")] if found.rankings else []
    there = f"; {_many(found.repeated, 'row', 'rows')} had a prompt that was there already" if found.repeated else ""
    return f"{_many(found.lines, 'row', 'rows')} read: {' and '.join(taken)}{there}."


def _not_kept(found: Imported) -> list[str]:
    """What the file holds beyond what is taken."""
    said = []
    if found.same_text:
        said.append(
            f"{_many(found.same_text, 'comparison', 'comparisons')} of a text with itself said nothing and "
            f"{'was' if found.same_text == 1 else 'were'} left out."
        )
    if found.answers_not_kept:
        answers = _many(found.answers_not_kept, "answer was", "answers were")
        said.append(f"{answers} not compared with another and not kept: only the prompts are.")
    if found.questions_not_kept:
        said.append(f"{_many(found.questions_not_kept, 'later question was', 'later questions were')} not kept either.")
    if found.columns_not_kept:
        said.append(f"Unknown columns were not kept: {', '.join(sorted(found.columns_not_kept))}.")
    return said


def _many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
