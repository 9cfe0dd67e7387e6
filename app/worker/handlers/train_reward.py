"""train_reward: all rankings in force -> a reward version."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from sqlalchemy.orm import Session

from app.chat import Message
from app.db.models.versions import VersionKind
from app.errors import ConflictError
from app.hparams import RewardHparams, SamplingParams
from app.lm.inference.offline import sample_batch
from app.lm.model import Llama
from app.lm.text.tokenizer import Tokenizer
from app.services.data import training_data
from app.services.labeling import languages
from app.services.versions import versions
from app.training.reward.data import RankedGroup
from app.training.reward.kept_readings import KeepingReader
from app.training.reward.network import save_reward_model
from app.training.reward.penalty import rounded
from app.training.reward.scorer_files import Source, write_scorers
from app.training.reward.sentences import sentence_ends
from app.training.reward.trainer import RewardResult, train_reward_model
from app.training.reward.words import Words
from app.translation import _
from app.worker.handlers.handler import Inputs, Training, Work
from app.worker.handlers.left_out import conversation_tokens, fits_together, read_prompts
from app.worker.handlers.memory import check_memory_of_reading
from app.worker.handlers.outcomes import TrainedVersion
from app.worker.handlers.ranked_groups import ranked_groups
from app.worker.run import JobRun

Value = TypeVar("Value")
SAMPLE_PROMPTS_AT_ONCE = 32
MOST_PROMPTS = 1_000  # to choose those from whose answers set the scores' mean and spread


def choose(session: Session, hparams: RewardHparams, _params: dict[str, Any]) -> Inputs:
    """Rankings; to normalize by, stored answers of the SFT model, and prompts to sample the missing ones for."""
    ranking_ids = training_data.ranking_ids_in_force(session)
    if not ranking_ids:
        raise ConflictError(_("There is nothing to learn from. Rank at least 1 prompt first (the Label page)."))
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
    check_memory_of_reading(work, sft_id)
    sft, tokenizer = work.models.policy(sft_id), work.models.tokenizer(sft_id)
    groups = ranked_groups(run, tokenizer, inputs, sft.config.context_tokens)
    samples = _stored_samples(run, tokenizer, inputs, sft.config.context_tokens)
    if inputs["sample_prompt_ids"]:
        run.say(_("Sampling answers of the SFT model to normalize scores with"))
        samples += _fresh_samples(run, sft, tokenizer, inputs["sample_prompt_ids"], hparams.seed)
    run.say(_("Reading {n} ranked answers", n=f"{sum(len(group.completions) for group in groups.values()):,}"))
    source = run.read(lambda session: source_of(session, sft_id))
    reader = KeepingReader(
        sft, blank_prompt(tokenizer, groups.values()), sentence_ends(tokenizer), Words.of_tokenizer(tokenizer),
        folder=run.settings.readings_directory, content_hash=source.content_hash,
    )  # fmt: skip
    trainer = train_reward_model(
        sft,
        list(groups.values()),
        samples,
        hparams,
        ends=tokenizer.ends,
        pad_id=tokenizer.pad_id,
        context=run.checkpoints(),
        reader=reader,
    )

    def outcome(result: RewardResult) -> TrainedVersion:
        reader.keep()
        return TrainedVersion(
            kind=VersionKind.REWARD,
            parent_id=sft_id,
            hparams=hparams,
            metrics=dict(result.metrics)
            | {
                "reliability": result.reliability,
                "learning_curve": result.learning_curve,
                "blocks": result.blocks,
                "penalty_curve": rounded(result.penalty_curve),
            },
            save=lambda directory: save_reward_model(
                directory, result.student, tokenizer, lambda fresh: write_scorers(fresh, result.scorers, source)
            ),
            ranking_ids=list(groups),
            influences=_known(groups, result.influences),
            surprises=_known(groups, result.surprises),
            left_out={"rankings": len(inputs["ranking_ids"]) - len(groups)},
        )

    return Training(trainer, outcome)


def _known(ranking_ids: Iterable[int], each: Sequence[Value | None]) -> dict[int, Value]:
    return {number: one for number, one in zip(ranking_ids, each, strict=False) if one is not None}


def source_of(session: Session, sft_id: int) -> Source:
    """The SFT version's files, which the reward version goes on reading with."""
    version = versions.usable_version(session, sft_id)
    return Source(Path(version.path).name, version.content_hash)


def blank_prompt(tokenizer: Tokenizer, groups: Iterable[RankedGroup]) -> list[int]:
    """An empty question in the model's template; where the template refuses it, the first token of a prompt."""
    empty: list[Message] = [{"role": "user", "content": ""}]
    return conversation_tokens(tokenizer, empty) or next(iter(groups)).prompt_tokens[:1]


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
