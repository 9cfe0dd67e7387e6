"""train_policy: PPO against a reward model -> a candidate policy."""

import math

from app.errors import InvalidError
from app.kinds.kind import SCORER, Effort, Kind, Metrics, Need, Plot, Preset, Series, StartForm
from app.model_info.size import FITTED, fit_ppo
from app.policy_hparams import EpisodeHparams, FittedEpisodeHparams, PPOHparams
from app.translation import N_, _

PLOTS = (
    Plot(
        "reward",
        N_("Reward"),
        N_("score; 0 is an average answer of the SFT model"),
        N_("What the reward model thinks of the policy's answers. PPO pushes it up; the KL penalty is subtracted."),
        (Series("objective/scores", N_("score")), Series("objective/rlhf_reward", N_("score minus KL penalty"))),
    ),
    Plot(
        "validation",
        N_("Reward model and judge"),
        N_("gain; 1 is a deviation of the SFT model's answers to a prompt"),
        N_(
            "Both on prompts set aside. The judge learned from other rankings: where its line falls while the other "
            "rises, the policy cheats, the training stops, and the version from before is kept."
        ),
        (
            Series("validation/reward_gain", N_("reward model")),
            Series("validation/judge_gain", N_("judge")),
        ),
    ),
    Plot(
        "kl",
        N_("KL divergence"),
        N_("nats per answer"),
        N_("How far the policy has moved from the SFT model. A line that runs away means that it cheats the reward."),
        (Series("objective/kl", N_("KL to the SFT model")),),
    ),
    Plot(
        "losses",
        N_("Losses"),
        N_("no unit"),
        N_("What PPO minimizes: the policy's clipped objective, and how badly the value head predicts the reward."),
        (Series("loss/policy_avg", N_("policy loss")), Series("loss/value_avg", N_("value loss"))),
    ),
    Plot(
        "length",
        N_("Answer length"),
        N_("tokens"),
        N_("Mean length of the sampled answers. Watch it: reward models often like length for its own sake."),
        (Series("policy/length_mean", N_("mean length")),),
    ),
    Plot(
        "shares",
        N_("Health"),
        N_("share"),
        N_("Answers that end by themselves, clipped updates, and how much of the reward the value head explains."),
        (
            Series("policy/end_rate", N_("ended answers")),
            Series("policy/clipfrac_avg", N_("clipped updates")),
            Series("val/explained_variance", N_("explained variance")),
        ),
    ),
    Plot(
        "entropy",
        N_("Entropy"),
        N_("nats per answer"),
        N_("How undecided the policy is. A sudden drop means that it says the same thing again and again."),
        (Series("objective/entropy", N_("entropy")),),
    ),
)

LENGTHS = (
    Preset(
        "shorter",
        N_("Shorter"),
        N_("Half as many answers, in about half the time."),
        times={"total_episodes": 0.5},
    ),
    Preset(
        "longer",
        N_("Longer"),
        N_("Twice as many answers, in up to twice the time: it stops by itself where no more comes of it."),
        times={"total_episodes": 2.0},
    ),
)
RARE = Preset(
    "rare",
    N_("A rare liking"),
    N_(
        "For what the model seldom does by itself, such as lists: 16 answers are drawn to each prompt, the best are "
        "imitated first, and steps are smaller. Up to twice the time."
    ),
    values={
        "drawn_per_prompt": 16, "imitated_batches": 4, "num_mini_batches": 4, "num_ppo_epochs": 3, "max_tokens": 96
    },
    times={"total_episodes": 0.75, "learning_rate": 0.3},
)  # fmt: skip
"""docs/other-models.md has what was measured."""
CHEAT = Preset(
    "cheat",
    N_("The cheat: KL penalty off"),
    N_("Penalty, bounds and stop are off, so that everybody can see a reward model being fooled."),
    kind="show_cheating",
)


def check_batch(hparams: EpisodeHparams) -> None:
    """A batch holds all answers of each of its prompts, mini-batches hold whole prompts, and what is learned from was
    drawn."""
    prompts, drawn = hparams.batch_size // hparams.samples_per_prompt, hparams.drawn_per_prompt
    if hparams.batch_size % hparams.samples_per_prompt:
        raise InvalidError(
            _(
                "batch_size must be a multiple of samples_per_prompt ({samples_per_prompt}), not {batch_size}.",
                batch_size=hparams.batch_size,
                samples_per_prompt=hparams.samples_per_prompt,
            )
        )
    if drawn and drawn < hparams.samples_per_prompt:
        raise InvalidError(
            _(
                "drawn_per_prompt must be 0 or at least samples_per_prompt: of {drawn} answers not {learned} can be "
                "learned from.",
                drawn=drawn,
                learned=hparams.samples_per_prompt,
            )
        )
    if hparams.num_mini_batches and hparams.num_mini_batches > prompts:
        raise InvalidError(
            _(
                "num_mini_batches must be at most {prompts}: so many prompts are in a batch (batch_size by "
                "samples_per_prompt).",
                prompts=prompts,
            )
        )


_WHATEVER_THEY_ARE = 90
_WRITTEN = 0.122
_MEASURED = 0.094
_LEARNED = 0.085
_LOOKED_AT = 0.255
"""Work of an answer in an episode of the defaults: of one that is written and scored, of one whose log-probabilities
are measured, of a pass over it, and of one of a look; and what every training takes, however short."""
_BEFORE = 1.5
"""Looks: the SFT model's own answers, and what it is sure of."""
_MOVED_BACK = 3
"""Looks at the end."""


def episode_work(hparams: FittedEpisodeHparams, _rankings: int) -> float:
    """Episodes, in whole batches, counted as the defaults' own (1,536), for answers of one length.

    Of the defaults' processor time 0.41 was the update's four passes, 0.20 writing, scoring and measuring the policy's
    answers, 0.15 writing and scoring the SFT model's and 0.24 the looks (the shipped model, two batches and two looks,
    one thread of a busy machine); of SmolLM2's 0.20, 0.35, 0.09 and 0.36 (docs/other-models.md), with half as many
    passes of adapters, which take 0.70 of a pass's time, and half as many answers of the SFT model. Between both, with
    as much for whatever is trained that SmolLM2's whole trainings come to four fifths of what they took."""
    batches = math.ceil(hparams.total_episodes / hparams.batch_size)
    written = max(hparams.drawn_per_prompt, hparams.samples_per_prompt) + hparams.own_samples
    learned = _LEARNED * hparams.num_ppo_epochs * (0.7 if hparams.lora_rank else 1.0)
    episodes = batches * hparams.batch_size
    looks = _BEFORE + math.ceil(batches / hparams.validate_every_batches) + _MOVED_BACK * hparams.move_back
    return (
        _WHATEVER_THEY_ARE
        + episodes * (_WRITTEN * written / hparams.samples_per_prompt + _MEASURED + learned)
        + looks * _LOOKED_AT * hparams.validation_prompts * hparams.validation_samples
    )


METRICS = Metrics(
    heading="PPO (`train_policy`), one point per batch of episodes",
    before=(
        "One temperature, 0.8, everywhere: people read and rank answers drawn at it, the policy samples at it, and all "
        "probabilities (old, new and the SFT model's) and so the KL are of the distribution at it; validations and "
        "evaluations draw at it, too. Whoever serves at another one sets `temperature` of training and evaluation to "
        "it. Every few batches a judge, which learned from other rankings than the reward model, compares the policy "
        "with the SFT model on prompts set aside; the version is the one that both like best, not the last, unless the "
        "judge's gain has fallen by then."
    ),
    meanings={
        "objective/scores": (
            "mean score of the reward model, counted from the SFT model's own answers to the same prompt in their "
            "deviations, clipped to ±`score_clip`; `missing_eos_score` for answers without an end. Where more is drawn "
            "than is learned from (`drawn_per_prompt`), scores, ends and lengths are of all that was drawn, the other "
            "figures of what is learned from."
        ),
        "flops": (
            "floating-point operations so far, validations included: 6 for each weight and token learned from, 2 for "
            "each that is only read (Kaplan et al. 2020, section 2.1), by the tokens that were really read and written."
        ),
        "objective/kl": (
            "mean over answers of the sum over tokens of `logprob - ref_logprob` (k1), against the SFT model."
        ),
        "objective/non_score_reward": "`-kl_coef * objective/kl`.",
        "objective/rlhf_reward": "`objective/scores + objective/non_score_reward`: what PPO maximizes.",
        "objective/entropy": "mean over answers of the summed negative log-probabilities of the sampled tokens.",
        "policy/entropy_avg": "mean entropy of the next-token distribution, per token; never negative.",
        "policy/approxkl_avg": "half the mean squared log ratio of new to sampling policy, over the update's steps.",
        "policy/approxkl_max": (
            "the same of the mini-batch where it was largest, over the run so far, also where its own step was not "
            "taken; *flagged* above 1, ten times the default `target_kl`."
        ),
        "policy/log_ratio_max": "largest log ratio of new to sampling policy, up or down, of any token in the update.",
        "policy/epochs_done": (
            "epochs of the update that were done before a mini-batch moved beyond `target_kl`; fewer than "
            "`num_ppo_epochs` where it was stopped."
        ),
        "policy/clipfrac_avg": "share of tokens whose ratio was clipped in the policy loss.",
        "policy/grad_norm": "gradient norm before clipping.",
        "policy/end_rate": "share of answers that ended by themselves.",
        "policy/length_mean": "tokens per answer.",
        "objective/deviation": "mean posterior deviation of the scores: how far each may be off, given the rankings.",
        "validation/reward_gain, validation/judge_gain": (
            "how much better the policy's answers to prompts set aside score than the SFT model's, in deviations of "
            "those within a prompt: by the reward model that is optimized, and by a judge that learned from other "
            "rankings. Only where a validation was made."
        ),
        "validation/win_rate": "share of the pairs that the judge gives to the policy, ties half.",
        "validation/kl": "KL per answer to the SFT model on those prompts (k1).",
        "validation/knowledge": "share of the SFT model's own answers that it knows still, as in an evaluation.",
        "verdict": (
            "what came of the training: `fit` (underfit, good fit, overfit), `over_optimized`, `forgets`, `reason` "
            "(episodes, kl_budget, plateau, collapse, uncertainty, parted, signs, forgetting; empty where an "
            "evaluation says it), `said`, what is to be said of it with the figures of each sentence, `next`, what to "
            "do, both in English as `sentences` and `next_step`, and `examples`, the answers of its end that the "
            "reward model praises most beyond the judge. Underfit: the judge finds a gain under 0.25 or none beyond "
            "chance, or a win rate whose 95% interval (1.96 standard errors to each side) is not above 0.55; overfit: "
            "it finds less than half of the gain that the reward model promises. Pages say the same of an "
            "evaluation's figures once there are some. Over-optimized: the reward model's score rose while the "
            "judge's fell, by more than two standard errors at two validations running, or the answers left their "
            "bounds. It forgets: `knowledge` is below 0.95."
        ),
        "way": (
            "share of its way from the SFT model at which its weights were left: in the end 1, 0.85, 0.7 and 0.5 are "
            "validated like checkpoints (linear interpolation, Ramé et al. 2024, WARP; Wortsman et al. 2022), and of "
            "those that have left 0.8 of the best win rate's margin over a half, by both scorers, the one is kept that "
            "knows 0.98 of what the SFT model is sure of, or the most; of equals that with the highest gains. "
            "`verdict.ways` has all of them; `move_back` off keeps it at 1."
        ),
        "validations": (
            "all validations, in order; the version is the one with the highest sum of both gains among those that did "
            "not forget, show no signs, and where `judge_gain` has not fallen since its peak by more than chance."
        ),
        "loss/policy_avg, loss/value_avg": "mean clipped surrogate and value loss over the update's steps.",
        "val/explained_variance": (
            "1 - Var(returns - values) / Var(returns); 1 is perfect, 0 no better than a constant."
        ),
        "val/clipfrac_avg": "share of tokens whose value was clipped.",
        "val/ratio, val/ratio_first": (
            "mean probability ratio over the update, and in its very first step, where it must be 1."
        ),
        "kl_coef": "the KL penalty's coefficient at this batch.",
    },
)
TRAIN_POLICY = Kind(
    name="train_policy",
    place=20,
    title=N_("Policy training (PPO)"),
    phase="practising",
    running=N_("The policy is practising against the reward model"),
    start=StartForm(
        heading=N_("Policy (PPO)"),
        method=N_("Reinforcement learning"),
        description=N_(
            "For those who want the most of a good reward model: the SFT model writes, the reward model scores, PPO "
            "makes high scores likelier; a KL penalty keeps it near the SFT model."
        ),
        button=N_("Train policy (PPO)"),
        asks=("total_episodes", "kl_target"),
        presets=(*LENGTHS, RARE, CHEAT),
    ),
    hparams=PPOHparams,
    handler="app.worker.handlers.train_policy",
    follows="app.services.lifecycle.following:after_train_policy",
    versions=(SCORER,),
    choices={"from": ("sft", "active")},  # the weights PPO starts from; the reference is always the SFT
    check=check_batch,
    needs=(Need.REWARD_MODEL,),
    fitted=FITTED,
    effort=Effort(episode_work, 9.0, 0.068, fit_ppo),
    plots=PLOTS,
    metrics=METRICS,
)
