"""What each figure of a version's record means, in one plain sentence: for people who never read docs/metrics.md."""

from collections.abc import Mapping

from app.hparam_fields import hparam_fields
from app.hparams import PretrainHparams, SFTHparams
from app.kinds.registry import KINDS
from app.translation import N_, _

FIGURES: Mapping[str, str] = {
    "win_rate": N_("Share of its comparisons with the SFT model that it wins, as the judge finds; ties count half."),
    "flops": N_(
        "Floating-point operations that its training took, by the models' shapes and the tokens; what a reward model's "
        "training found read before, as while people rank, is not counted."
    ),
    "win_rate_error": N_("Standard error of the win rate: the 95% interval reaches 1.96 times as far to each side."),
    "judge/gain": N_(
        "How much better its answers are than the SFT model's by the judge; 1 is a usual difference of two answers."
    ),
    "judge/gain_error": N_("Standard error of the judge's gain."),
    "judge/is_other": N_(
        "1 where the judge learned from other rankings than the reward model; 0 where the reward model judged itself."
    ),
    "reward/mean": N_("Mean score of its answers by the reward model that it was trained with."),
    "reward/reference_mean": N_("Mean score of the SFT model's answers to the same prompts."),
    "reward/difference_error": N_("Standard error of the difference between these two means."),
    "reward/win_rate": N_(
        "Its win rate as the reward model finds that it was trained with: too kind, since it learned to please it."
    ),
    "reward/gain": N_(
        "How much better its answers are by that reward model; much more than the judge's gain means that it cheats."
    ),
    "reward/reference_max": N_("The highest score of any answer of the SFT model."),
    "reward/beyond_share": N_("Share of its answers that score higher than any answer of the SFT model."),
    "deviation": N_("How far the scores of its answers may be off, on average."),
    "deviation_reference": N_("How far the scores of the SFT model's answers may be off, on average."),
    "kl": N_("How far its answers are from what the SFT model would write, in nats an answer; 0 is no difference."),
    "kl_error": N_("Standard error of that distance."),
    "kl_k3": N_("The same distance by another estimator, which is never negative."),
    "entropy": N_("How undecided it is at each token of its own answers; near 0 it says the same again and again."),
    "entropy_reference": N_("How undecided the SFT model is at each token of its own answers."),
    "likelihood_under_reference": N_(
        "How likely the SFT model finds its answers, per token; far below 0 it writes what that model never would."
    ),
    "relevance": N_("Share of its answers that fit their own question better than another one."),
    "relevance_reference": N_("The same share of the SFT model's answers."),
    "knowledge": N_(
        "Share of the answers that the SFT model is sure of and that it knows still; below 95% it forgets."
    ),
    "knowledge/several_turns": N_("The same share in conversations of two turns."),
    "empty_share": N_("Share of its answers without a single word."),
    "empty_reference_share": N_("The same share of the SFT model's answers."),
    "echo_share": N_("Share of its answers that only repeat words of the question."),
    "echo_reference_share": N_("The same share of the SFT model's answers."),
    "other_script_share": N_("Share of its answers in a script that the question does not use."),
    "other_script_reference_share": N_("The same share of the SFT model's answers."),
    "repetition": N_("Share of its phrases of three words that stood in the answer before."),
    "repetition_reference": N_("The same share of the SFT model's answers."),
    "length_mean": N_("Mean length of its answers, in tokens."),
    "length_reference_mean": N_("Mean length of the SFT model's answers, in tokens."),
    "distinct_share": N_("Share of its answers that are different from each other."),
    "distinct_reference_share": N_("The same share of the SFT model's answers."),
    "end_rate": N_("Share of its answers that ended by themselves, not at the limit."),
    "end_reference_rate": N_("The same share of the SFT model's answers."),
    "num_prompts": N_("How many held-out prompts were used."),
    "held_out_accuracy": N_(
        "Share of pairs that it did not learn from and orders as the labelers did; 50% is guessing."
    ),
    "held_out_accuracy_error": N_("Standard error of that share."),
    "held_out_loss": N_(
        "How surprised it is by rankings that it did not learn from; less is better; guessing is 0.69, with ties more."
    ),
    "loss/held_out": N_("How surprised it is by what it did not learn from; lower is better."),
    "train_accuracy": N_(
        "The accuracy on the very rankings that it learned from; far above the held-out one it learned them by heart."
    ),
    "accuracy/train": N_("The accuracy on the very rankings that it learned from."),
    "train_loss": N_("How surprised it is by the rankings that it learned from."),
    "loss/train": N_("How surprised it is by what it learned from; lower is better."),
    "accuracy/held_out": N_("The accuracy on prompts that were held out so far."),
    "ece": N_("How far its stated certainty is from how often it is right; 0 is as good as its word."),
    "temperature": N_("What its differences of scores are divided by, so that its certainty is true."),
    "log_evidence": N_("How well its assumptions explain the rankings, as a logarithm; higher is better."),
    "judge_rankings": N_("Rankings that were kept for the judge; 0 means that there were too few for one."),
    "student_agreement": N_("How well the network that other programs open gives the same scores; 1 is perfectly."),
    "score_scale": N_("By how much its scores were divided, so that 1 is a usual difference between two answers."),
    "num_rankings": N_("How many rankings it learned from."),
    "num_comparisons": N_("How many pairs of answers these rankings decide."),
    "num_ties": N_("How many pairs were ranked equal."),
    "num_pairs": N_("How many pairs, or answers that were chosen, it learned from."),
    "objective/scores": N_("Mean score of its last batch, counted from the SFT model's answers to the same prompts."),
    "objective/kl": N_("How far the last batch was from what the SFT model would write, in nats an answer."),
    "objective/non_score_reward": N_("What the KL penalty took off the score."),
    "objective/rlhf_reward": N_("The score less the penalty: what the training makes larger."),
    "objective/entropy": N_("How undecided it was over a whole answer of the last batch, in nats."),
    "objective/deviation": N_("How far the scores of the last batch may be off."),
    "policy/entropy_avg": N_("How undecided it was at each token; near 0 it says the same again and again."),
    "policy/approxkl_avg": N_("How far one update moved it, on average."),
    "policy/approxkl_max": N_("How far the largest update moved it; above 0.5 the learning rate was too high."),
    "policy/log_ratio_max": N_("The largest change of any token's probability in one update, as a logarithm."),
    "policy/epochs_done": N_("How often it went over the last batch before it had moved far enough."),
    "policy/clipfrac_avg": N_("Share of tokens whose change was cut off, so that no update goes too far."),
    "policy/grad_norm": N_("How steep the loss was, before it was limited."),
    "policy/end_rate": N_("Share of the last batch's answers that ended by themselves."),
    "policy/length_mean": N_("Mean length of the last batch's answers, in tokens."),
    "validation/reward_gain": N_("How much better it was on prompts set aside, by the reward model."),
    "validation/judge_gain": N_(
        "How much better it was on prompts set aside, by the judge; where it falls, the policy cheats."
    ),
    "validation/win_rate": N_("Share of comparisons on prompts set aside that the judge gives to it."),
    "validation/kl": N_("How far it was from the SFT model on prompts set aside, in nats an answer."),
    "validation/knowledge": N_("Share of the SFT model's sure answers that it knew still."),
    "way": N_("How far from the SFT model to the end of the training its weights were left; 1 is all the way."),
    "loss/policy_avg": N_("What the last update made smaller; its size says little."),
    "loss/value_avg": N_("How badly it foretold its own rewards."),
    "val/explained_variance": N_("How much of the rewards it could foretell; 1 is all, 0 nothing."),
    "val/clipfrac_avg": N_("Share of these forecasts whose change was cut off."),
    "val/ratio": N_("Mean change of the tokens' probabilities in the update; 1 is none."),
    "val/ratio_first": N_("The same in the very first step, where it must be 1."),
    "kl_coef": N_("How heavily distance from the SFT model was punished in the end."),
    "grpo/advantage_std": N_("How different the answers to one prompt were, in what they were worth."),
    "grpo/flat_groups": N_("Share of prompts whose answers were all worth the same: they teach nothing."),
    "dpo/loss": N_("How surprised it is by the rankings that it learned from; lower is better."),
    "dpo/loss_held_out": N_("How surprised it is by rankings that it did not learn from."),
    "dpo/accuracy": N_("Share of the pairs that it learned from and would order as you did."),
    "dpo/accuracy_held_out": N_("Share of other pairs that it would order as you did."),
    "dpo/margin": N_("By how much it prefers the better answer, over the pairs that it learned from."),
    "dpo/margin_held_out": N_("By how much it prefers the better answer, over other pairs."),
    "dpo/chosen": N_("How much likelier the better answers became; negative means less likely."),
    "dpo/rejected": N_("How much likelier the worse answers became; negative means less likely."),
    "dpo/kl": N_("How far its answers are from what the SFT model would write, in nats an answer."),
    "dpo/length": N_("Mean length of its answers, in tokens."),
    "dpo/end_rate": N_("Share of its answers that ended by themselves, not at the limit."),
    "dpo/grad_norm": N_("How steep the loss was, before it was limited."),
    "kept_step": N_("The step of the training that this version was taken from."),
    "best_of_n/mean_score": N_("Mean score of all answers that were sampled."),
    "best_of_n/chosen_score": N_("Mean score of the best answer to each prompt, which it learned to write."),
    "best_of_n/most_kl": N_("How far from the SFT model always choosing the best can lead at most, in nats an answer."),
    "best_of_n/kl": N_("How far its answers really are from what the SFT model would write, in nats an answer."),
    "best_of_n/length": N_("Mean length of its answers, in tokens."),
    "learning_rate": N_("How large the last step was."),
    "tokens_per_second": N_("How fast it was trained."),
    "model_type": N_("The family that its architecture belongs to."),
    "parameters": N_("How many numbers it consists of."),
    "context_tokens": N_("How much it reads at once, prompt and answer together."),
    "plain_format": N_(
        "Whether it came without a chat format, so that conversations are written as plain text for it."
    ),
    "imported_from": N_("The name of the folder that it came from."),
}
"""By the names of docs/metrics.md, and by those of what is known of an imported model."""


def figure_gloss(name: str) -> str:
    """Empty for a figure that nobody knows: one of an earlier version of this program, say."""
    return _(FIGURES[name]) if name in FIGURES else ""


def hparam_gloss(name: str, job_kind: str | None) -> str:
    """As the field says of itself; of a model that no job made, as pretraining and fine-tuning say."""
    asked = (KINDS[job_kind].hparams,) if job_kind is not None and job_kind in KINDS else (PretrainHparams, SFTHparams)
    for hparams in asked:
        field = hparam_fields(hparams).get(name)
        if field is not None:
            return _(field.help) if field.help else ""
    return ""
