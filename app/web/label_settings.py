"""The page on which whoever runs the installation chooses how the label page's answers are written, and what its
labelers are told."""

import re
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.db.models.groups import ANSWERS_PER_GROUP
from app.errors import AppError, ConflictError, InvalidError
from app.formats.ids import parse_id
from app.formats.markdown import to_html
from app.hparams import SamplingParams
from app.runtime import ReadSession, Runtime, RuntimeDep, UnitRoute, WriteSession
from app.services.labeling import guidelines, label_settings
from app.services.labeling.choosing import CANDIDATES, MOST_FEWER, MOST_MORE, NEEDED_MORE
from app.services.labeling.label_settings import LabelChoice
from app.services.sampling.group_sampling import page_params
from app.services.sampling.typed_settings import typed_settings
from app.services.versions import versions
from app.translation import _
from app.web.formatting import version_title
from app.web.security import FormDep
from app.web.templating import PageContext, render

router = APIRouter(route_class=UnitRoute)
PATH = "/train/label-page"
CHECKED = ("shows_prediction", "chooses_groups", "draws_all_sets")
"""Settings that are on or off."""
SHARES = ("repeat", "second")
"""Those that say how many cards of a hundred."""


@dataclass(frozen=True)
class Choice:
    """Of a list of versions."""

    value: str
    title: str


@dataclass(frozen=True, kw_only=True)
class LabelSettingsPage(PageContext):
    template: ClassVar[str] = "train/label_page.html"
    page: str | None = "train"
    typed: dict[str, str]
    """What stands in the fields of the answers' form, by their names."""
    default: SamplingParams
    """What holds where a field is left empty."""
    versions: list[Choice]
    """Those that may answer people: the active one, whichever it is, then the newest first."""
    text: str
    """Of the guidelines, as Markdown."""
    seen: str
    """The same as it stood there when the page was opened: nothing else is overwritten."""
    preview: Markup | None = None
    """The same as labelers would see it."""
    candidates: int = CANDIDATES
    """Groups that are sampled for one that is shown, where cards are chosen."""
    needed_more: float = NEEDED_MORE
    """Share of rankings that choosing cost simulated labelers."""
    most_more: float = MOST_MORE
    """The same at one end of its interval."""
    most_fewer: float = MOST_FEWER
    """What it saved at the other end."""
    saved: bool = False
    """Whether a form was just taken."""
    error: str | None = None
    """Why the answers' form was refused."""
    guidelines_error: str | None = None
    """Why the guidelines were refused."""


@router.get(PATH)
def show_settings(request: Request, runtime: RuntimeDep, session: ReadSession) -> Response:
    return _page(request, runtime, session, saved="saved" in request.query_params)


@router.post(PATH)
def save_settings(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    typed = {name: str(form.get(name, "")).strip() for name in _typed(LabelChoice())}
    try:
        runtime.group_sampling.choose(session, _choice(typed))
    except AppError as error:
        return _page(request, runtime, session, typed=typed, error=error.page_message, status_code=error.status_code)
    runtime.prefetcher.wake()
    return RedirectResponse(f"{PATH}?saved", 303)


@router.post(f"{PATH}/guidelines")
def save_guidelines(request: Request, runtime: RuntimeDep, session: WriteSession, form: FormDep) -> Response:
    """Field `action`: save, preview, or reset to the default ones."""
    text, action = str(form.get("text", "")), form.get("action")
    seen = str(form["seen"]) if "seen" in form else None
    if action == "preview":
        return _page(request, runtime, session, text=text, seen=seen, preview=to_html(text))
    try:
        guidelines.write(session, None if action == "reset" else text, seen=seen)
    except (ConflictError, InvalidError) as error:
        refused = error.page_message
        seen = seen if isinstance(error, InvalidError) else None  # both were told
        return _page(
            request, runtime, session, text=text, seen=seen, guidelines_error=refused, status_code=error.status_code
        )
    return RedirectResponse(f"{PATH}?saved", 303)


def _page(
    request: Request,
    runtime: Runtime,
    session: Session,
    *,
    typed: dict[str, str] | None = None,
    text: str | None = None,
    seen: str | None = None,
    status_code: int = 200,
    **more: object,
) -> Response:
    there = [Choice("", _("The active version"))]
    there += [
        Choice(str(version.id), version_title(version)) for version in versions.answerers(session, versions.MAY_ANSWER)
    ]
    page = LabelSettingsPage(
        typed=_typed(label_settings.chosen(session)) if typed is None else typed,
        default=page_params(runtime.settings),
        versions=there,
        text=guidelines.shown(session) if text is None else text,
        seen=guidelines.shown(session) if seen is None else seen,
        **more,  # type: ignore[arg-type]  # saved, error, preview
    )
    return render(request, page, status_code=status_code)


def _typed(choice: LabelChoice) -> dict[str, str]:
    texts = {name: "" if value is None else str(value) for name, value in vars(choice).items()}
    shares = {f"{name}_percent": f"{100 * float(texts.pop(f'{name}_share')):g}" for name in SHARES}
    checked = {name: "1" if getattr(choice, name) else "" for name in CHECKED}
    return texts | checked | shares


def _choice(typed: dict[str, str]) -> LabelChoice:
    """Raises InvalidError with the field's range."""
    others = typed["other_answers"] or "0"
    return LabelChoice(
        **typed_settings(typed),
        version_id=_version(typed["version_id"]),
        other_version_id=_version(typed["other_version_id"]),
        other_answers=int(others) if re.fullmatch("[0-9]", others) else ANSWERS_PER_GROUP,
        shows_prediction=bool(typed["shows_prediction"]),
        chooses_groups=bool(typed["chooses_groups"]),
        draws_all_sets=bool(typed["draws_all_sets"]),
        repeat_share=_share(typed["repeat_percent"]),
        second_share=_share(typed["second_percent"]),
    )


def _share(percent: str) -> float:
    """More than there may be where it is none."""
    return int(percent or "0") / 100 if re.fullmatch("[0-9]{0,2}", percent) else 1.0


def _version(typed: str) -> int | None:
    version_id = parse_id(typed)
    if typed and version_id is None:
        raise InvalidError(_("Choose a version from the list."))
    return version_id
