"""get_model: a published model of the catalogue -> a version that answers. Nothing is trained."""

from dataclasses import dataclass

from app.kinds.kind import Kind, Metrics, StartForm
from app.model_info.catalogue import catalogue
from app.translation import N_


@dataclass(frozen=True)
class GetModelHparams:
    """A model comes as it is."""


GET_MODEL = Kind(
    name="get_model",
    place=100,
    title=N_("Published model"),
    phase="fetching",
    running=N_("A published model is being fetched"),
    start=StartForm(
        heading=N_("Published model"),
        method=N_("Fetched, nothing is learned"),
        description=N_(
            "A model that others trained comes in by the package index of this machine, and answers from then on. What "
            "you ranked counts for it, too."
        ),
        button=N_("Get the model"),
        work=N_("a download"),
        asks=("model",),
    ),
    hparams=GetModelHparams,
    handler="app.worker.handlers.get_model",
    follows="app.services.lifecycle.following:after_get_model",
    choices={"model": tuple(catalogue())},
    same_work=("model",),
    metrics=Metrics("Published model (`get_model`)", {}, before="It comes as it is: nothing is measured."),
    no_curves=N_("A model that is fetched has no curves."),
)
