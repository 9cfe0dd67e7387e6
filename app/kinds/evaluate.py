"""evaluate: a policy beside the SFT model on held-out prompts -> figures, and a few answers before and after."""

from app.hparams import EvaluationHparams
from app.kinds.kind import Kind, Need, StartForm, VersionParam

EVALUATE = Kind(
    name="evaluate",
    place=30,
    title="Evaluation",
    phase="comparing",
    running="The new policy is being compared with the SFT model",
    start=StartForm(
        heading="Evaluation",
        method="Measurement, nothing is learned",
        description="A policy and the SFT model answer held-out prompts that nobody ranked; the reward model compares "
        "them.",
        button="Evaluate",
        work="an evaluation",
    ),
    hparams=EvaluationHparams,
    handler="app.worker.handlers.evaluate",
    follows="app.services.lifecycle.following:after_evaluate",
    versions=(
        VersionParam(
            "version_id",
            ("sft", "policy"),
            required=True,
            label="Version to evaluate",
            purpose="the version to compare with the SFT model",
        ),
        VersionParam("reward_version_id", ("reward",)),
    ),
    needs=(Need.REWARD_MODEL,),
    same_work=("version_id",),
    no_curves="An evaluation has no curves. Its figures are on the page of the version that it measured.",
)
