"""evaluate: a policy beside the SFT model on held-out prompts -> figures, and a few answers before and after."""

from app.hparams import EvaluationHparams
from app.kinds.kind import SCORER, Effort, Kind, Metrics, Need, StartForm, VersionParam
from app.translation import N_

METRICS = Metrics(
    heading="Evaluation (`evaluate`), candidate against the SFT model on held-out prompts, the same seeds for both",
    before=(
        "At another temperature than the policy was trained at (0.8 where its training has none) the figures stand "
        "under `evaluations_apart`, by the temperature: flags, verdict and the rule that activates do not go by them."
    ),
    meanings={
        "reward/mean, reward/reference_mean": "mean score of the candidate's and of the SFT model's answers.",
        "reward/difference_error": "standard error of the difference, over prompts.",
        "win_rate, win_rate_error": (
            "share of pairs (same prompt, same sample number) that the judge gives to the candidate, ties half; its "
            "standard error. The judge is a reward model that learned from other rankings than the one that was "
            "optimized, where `judge/is_other` is 1."
        ),
        "judge/gain, judge/gain_error": (
            "how much better the candidate's answers score than the SFT model's by the judge, in deviations of those "
            "within a prompt; its standard error."
        ),
        "judge/is_other": "1 where another reward model judges than the one that was optimized; 0 where it had to.",
        "reward/win_rate, reward/gain": "the same by the reward model that was optimized.",
        "deviation, deviation_reference": "mean posterior deviation of its scores, of both models' answers.",
        "kl, kl_error, kl_k3": (
            "KL per answer to the SFT model by the k1 estimator, its standard error, and by k3 (Schulman 2020)."
        ),
        "reward/reference_max": "the highest score of an answer of the SFT model.",
        "reward/beyond_share": "share of the candidate's answers that score higher than that.",
        "entropy, entropy_reference": (
            "mean negative log-probability, per token, of its own answers under each model: an estimate of the entropy."
        ),
        "likelihood_under_reference": (
            "mean log-probability, per token, of the candidate's answers under the SFT model."
        ),
        "relevance, relevance_reference": (
            "share of the answers that the SFT model finds likelier after their own prompt than after the next one."
        ),
        "knowledge, knowledge/several_turns": (
            "share of the SFT model's own greedy answers, to the prompts and in conversations of two turns, that the "
            "candidate knows still: it finds every token likeliest that the SFT model is sure of (probability 0.95 and "
            "more); the same of the conversations alone. Below 0.95 it forgets."
        ),
        "empty_share, empty_reference_share": (
            "share of answers without a word or a number: nothing, spaces, marks or smileys alone."
        ),
        "echo_share, echo_reference_share": "share of answers all of whose words stand in the question.",
        "other_script_share, other_script_reference_share": (
            "share of answers most of whose letters are of a script (Latin, Chinese and Japanese, Cyrillic, …) of "
            "which the question has none."
        ),
        "repetition, repetition_reference": "mean share of the runs of three words that stood in the answer before.",
        "length_mean, length_reference_mean": "tokens per answer.",
        "distinct_share, distinct_reference_share": "share of different answers among all.",
        "end_rate, end_reference_rate": "share of answers that ended by themselves.",
        "num_prompts": "held-out prompts used.",
    },
)
EVALUATE = Kind(
    name="evaluate",
    place=30,
    title=N_("Evaluation"),
    phase="comparing",
    running=N_("The new policy is being compared with the SFT model"),
    start=StartForm(
        heading=N_("Evaluation"),
        method=N_("Measurement, nothing is learned"),
        description=N_(
            "A policy and the SFT model answer held-out prompts that nobody ranked; a judge that did not train it "
            "compares them."
        ),
        button=N_("Evaluate"),
        work=N_("an evaluation"),
    ),
    hparams=EvaluationHparams,
    handler="app.worker.handlers.evaluate",
    follows="app.services.lifecycle.following:after_evaluate",
    versions=(
        VersionParam(
            "version_id",
            ("sft", "policy"),
            N_("Version to evaluate"),
            required=True,
            purpose=N_("the version to compare with the SFT model"),
        ),
        SCORER,
    ),
    needs=(Need.REWARD_MODEL,),
    same_work=("version_id",),
    effort=Effort(lambda hparams, _rankings: hparams.num_prompts * hparams.samples_per_prompt, 5.0, 0.067),
    no_curves=N_("An evaluation has no curves. Its figures are on the page of the version that it measured."),
    metrics=METRICS,
)
