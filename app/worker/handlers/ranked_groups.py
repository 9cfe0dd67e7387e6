"""The rankings that a job learns from, as its models read them: for every kind of job that learns from rankings."""

from sqlalchemy.orm import Session

from app.db.models.versions import Version
from app.errors import ConflictError
from app.lm.text.tokenizer import Tokenizer
from app.services.data import training_data
from app.services.data.training_data import RankedAnswers
from app.services.versions import versions
from app.training.reward.data import RankedGroup
from app.translation import _
from app.worker.handlers.handler import Inputs
from app.worker.handlers.left_out import answer_tokens, conversation_tokens, fits_together
from app.worker.run import JobRun


def ranked_groups(run: JobRun, tokenizer: Tokenizer, inputs: Inputs, context_tokens: int) -> dict[int, RankedGroup]:
    """By the rankings' ids; those with a prompt and an answer that are too long together are left out. Tokens as they
    were sampled; answers of another SFT model's lineage, which has other tokens, and imported ones by their texts."""
    ids = inputs["ranking_ids"]
    ranked = run.read(lambda session: training_data.ranked_answers(session, ids))
    origins = run.read(lambda session: _sft_origins(session, {each.version_id for each in ranked} - {None}))
    groups = (
        ranked_group(tokenizer, each, as_sampled=_has_tokens_of(inputs["sft_version_id"], each, origins))
        for each in ranked
    )
    fits = {
        ranking_id: group
        for ranking_id, group in zip(ids, groups, strict=True)
        if group is not None and fits_together(tokenizer.ends, group.prompt_tokens, group.completions, context_tokens)
    }
    if not fits:
        raise ConflictError(
            _(
                "All {n} rankings are about prompts and answers that are too long together for the model, "
                "which reads {context_tokens} tokens. Rank shorter ones.",
                n=f"{len(ids):,}",
                context_tokens=f"{context_tokens:,}",
            )
        )
    return fits


def ranked_group(tokenizer: Tokenizer, each: RankedAnswers, *, as_sampled: bool) -> RankedGroup | None:
    prompt = conversation_tokens(tokenizer, each.messages)
    read = each.answers if as_sampled else [answer_tokens(tokenizer, text) for text in each.texts]
    written = [ids for ids in read if ids is not None]
    if prompt is None or len(written) < len(read):
        return None
    return RankedGroup(each.prompt_id, prompt, written, each.ranks)


Origins = dict[int | None, Version | None]
"""By a version's id, the SFT version that it descends from."""


def _sft_origins(session: Session, version_ids: set[int | None]) -> Origins:
    wrote = [number for number in version_ids if number is not None]
    return {number: versions.sft_of(session, versions.get_version(session, number)) for number in wrote}


def _has_tokens_of(sft_version_id: int, ranked: RankedAnswers, origins: Origins) -> bool:
    """Whether the tokens of these answers are those of this SFT version."""
    if ranked.version_id is None:
        return False
    sft = origins[ranked.version_id]
    return sft is None or sft.id == sft_version_id
