"""train_reward: all rankings in force -> a reward version."""

import random
from typing import Any

import torch
from sqlalchemy.orm import Session

from app.db.models.versions import Version, VersionKind
from app.errors import ConflictError
from app.hparams import RewardHparams, SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.services.data import training_data
from app.services.data.training_data import RankedAnswers
from app.services.labeling import languages
from app.services.versions import versions
from app.training.reward.trainer import RankedGroup, RewardResult, save_reward_model, train_reward_model
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.left_out import answer_tokens, conversation_tokens, fits_together, read_prompts
from app.worker.handlers.outcomes import TrainedVersion
from app.worker.run import JobRun

SAMPLE_PROMPTS_AT_ONCE = 32
MOST_PROMPTS = 1_000  # to choose those from whose answers set the scores' mean and spread


def choose(session: Session, hparams: RewardHparams, _params: dict[str, Any]) -> Inputs:
    """Rankings; to normalize by, stored answers of the SFT model, and prompts to sample the missing ones for."""
    ranking_ids = training_data.ranking_ids_in_force(session)
    if not ranking_ids:
        raise ConflictError("There is nothing to learn from. Rank at least 1 prompt first (the Label page).")
    sft = versions.sft_version(session)
    answers = training_data.answer_ids_of_version(session, sft.id, hparams.normalization_samples)
    missing = hparams.normalization_samples - len(answers)
    tags = languages.tags_for_training(session, sft) if missing else None
    prompts = training_data.training_prompt_ids(session, MOST_PROMPTS, hparams.seed, tags) if missing else []
    rng = random.Random(hparams.seed)
    return {
        "ranking_ids": ranking_ids,
        "sft_version_id": sft.id,
        "normalization_answer_ids": answers,
        "sample_prompt_ids": [rng.choice(prompts) for _ in range(missing)] if prompts else [],
    }


def begin(work: Work[RewardHparams]) -> Training[RewardResult]:
    run, inputs, hparams = work.run, work.inputs, work.hparams
    sft_id = inputs["sft_version_id"]
    sft, tokenizer = work.models.policy(sft_id), work.models.tokenizer(sft_id)
    groups = _groups(run, tokenizer, inputs, sft.config.context_tokens)
    samples = _stored_samples(run, tokenizer, inputs, sft.config.context_tokens)
    if inputs["sample_prompt_ids"]:
        run.say("Sampling answers of the SFT model to normalize scores with")
        samples += _fresh_samples(run, sft, tokenizer, inputs["sample_prompt_ids"], hparams.seed)
    run.say(f"Reading {sum(len(group.completions) for group in groups.values()):,} ranked answers")
    trainer = train_reward_model(
        sft,
        list(groups.values()),
        samples,
        hparams,
        ends=tokenizer.ends,
        pad_id=tokenizer.pad_id,
        context=run.checkpoints(),
    )

    def outcome(result: RewardResult) -> TrainedVersion:
        return TrainedVersion(
            kind=VersionKind.REWARD,
            parent_id=sft_id,
            hparams=hparams,
            metrics=dict(result.metrics) | {"reliability": result.reliability},
            save=lambda directory: save_reward_model(directory, result.model, tokenizer),
            ranking_ids=list(groups),
            left_out={"rankings": len(inputs["ranking_ids"]) - len(groups)},
        )

    return Training(trainer, outcome)


def _groups(run: JobRun, tokenizer: Tokenizer, inputs: Inputs, context_tokens: int) -> dict[int, RankedGroup]:
    """By the rankings' ids; those with a prompt and an answer that are too long together are left out. Tokens as they
    were sampled; answers of another SFT model's lineage, which has other tokens, and imported ones by their texts."""
    ids = inputs["ranking_ids"]
    ranked = run.read(lambda session: training_data.ranked_answers(session, ids))
    origins = run.read(lambda session: _sft_origins(session, {each.version_id for each in ranked} - {None}))
    groups = (
        _group(tokenizer, each, as_sampled=_has_tokens_of(inputs["sft_version_id"], each, origins)) for each in ranked
    )
    fits = {
        ranking_id: group
        for ranking_id, group in zip(ids, groups, strict=True)
        if group is not None and fits_together(tokenizer.ends, group.prompt_tokens, group.completions, context_tokens)
    }
    if not fits:
        raise ConflictError(
            f"All {len(ids):,} rankings are about prompts and answers that are too long together for the model, which "
            f"reads {context_tokens:,} tokens. Rank shorter ones."
        )
    return fits


def _group(tokenizer: Tokenizer, each: RankedAnswers, *, as_sampled: bool) -> RankedGroup | None:
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


def _stored_samples(
    run: JobRun, tokenizer: Tokenizer, inputs: Inputs, context_tokens: int
) -> list[tuple[list[int], list[int]]]:
    answer_ids = inputs["normalization_answer_ids"]
    stored = run.read(lambda session: training_data.answers_with_prompts(session, answer_ids))
    encoded = ((conversation_tokens(tokenizer, messages), answer) for messages, answer in stored)
    return [
        (ids, answer) for ids, answer in encoded if ids and fits_together(tokenizer.ends, ids, [answer], context_tokens)
    ]


def _fresh_samples(
    run: JobRun, sft: Llama, tokenizer: Tokenizer, prompt_ids: list[int], seed: int
) -> list[tuple[list[int], list[int]]]:
    """One answer per prompt, seeded, so that an attempt after a crash normalizes by the same ones."""
    prompts = run.read(lambda session: training_data.prompts_by_id(session, prompt_ids))
    params, context_tokens = SamplingParams(), sft.config.context_tokens
    encoded = read_prompts(tokenizer, prompts, context_tokens=context_tokens, max_tokens=params.max_tokens).tokens
    generator = torch.Generator().manual_seed(seed)
    samples: list[tuple[list[int], list[int]]] = []
    for first in range(0, len(encoded), SAMPLE_PROMPTS_AT_ONCE):
        batch = encoded[first : first + SAMPLE_PROMPTS_AT_ONCE]
        answers = sample_batch(sft, tokenizer.end_ids, batch, n=1, params=params, generator=generator)
        samples += [(prompt, answer[0].token_ids) for prompt, answer in zip(batch, answers, strict=True)]
        run.beat()
    return samples
