"""The rankings that a job learns from, as its models read them: for every kind of job that learns from rankings."""

from collections.abc import Collection

from sqlalchemy.orm import Session

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
    were sampled; answers of another SFT model's lineage, which has other tokens, people's own and imported ones are
    read by their texts."""
    ids = inputs["ranking_ids"]
    ranked = run.read(lambda session: training_data.ranked_answers(session, ids))
    wrote = {version_id for each in ranked for version_id in each.version_ids if version_id is not None}
    readable = run.read(lambda session: _with_tokens_of(session, inputs["sft_version_id"], wrote))
    groups = (ranked_group(tokenizer, each, readable) for each in ranked)
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


def ranked_group(tokenizer: Tokenizer, each: RankedAnswers, readable: Collection[int]) -> RankedGroup | None:
    """`readable`: versions whose tokens are the tokenizer's."""
    prompt = conversation_tokens(tokenizer, each.messages)
    read = [
        ids if version_id in readable else answer_tokens(tokenizer, text)
        for ids, text, version_id in zip(each.answers, each.texts, each.version_ids, strict=True)
    ]
    written = [ids for ids in read if ids is not None]
    if prompt is None or len(written) < len(read):
        return None
    return RankedGroup(each.prompt_id, prompt, written, each.ranks)


def _with_tokens_of(session: Session, sft_version_id: int, version_ids: Collection[int]) -> frozenset[int]:
    """Those of the versions that write the tokens of this SFT version."""
    origins = {number: versions.sft_of(session, versions.get_version(session, number)) for number in version_ids}
    return frozenset(number for number, sft in origins.items() if sft is None or sft.id == sft_version_id)
