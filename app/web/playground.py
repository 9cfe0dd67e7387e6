"""The playground: a box, any version, and the dice. With JavaScript the answers come through the API; without it, the
server writes them into the page.

Answers are written for the person at the page alone: by its button, or by an address that the person opened
themselves or from this site. A link from elsewhere, a prefetch and HEAD show the form, filled in.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.http.head import wants_head_only
from app.runtime import Runtime, RuntimeDep, UnitRoute
from app.services.sampling.group_sampling import new_seed
from app.translation import _
from app.web.playground_address import MAX_TURNS, Asked, Entries, Mode, Turn, last, read_address
from app.web.playground_answers import too_long, write
from app.web.playground_code import code_of
from app.web.playground_dials import DIALS, presets, typed_stops
from app.web.playground_examples import EXAMPLES, Example
from app.web.playground_page import AnswersPart, Choices, CodePart, page_of, read_choices
from app.web.security import same_origin
from app.web.templating import render

router = APIRouter(route_class=UnitRoute)
WRITE = "write"
"""In the addresses of browsers without JavaScript: the server writes the answers."""


@router.get("/playground")
async def show_playground(request: Request, runtime: RuntimeDep) -> Response:
    entries = request.query_params.multi_items()
    asked, choices = await runtime.reading.run(partial(_read, entries=entries, runtime=runtime))
    asked = _edited(asked, entries, runtime)
    own = same_origin(request.headers) and "sec-purpose" not in request.headers and not wants_head_only(request)
    page = partial(page_of, settings=runtime.settings, examples=_examples(choices))
    if not last(entries, WRITE):
        ready = own and not asked.wrong and not asked.is_empty and asked.seed is not None
        return render(request, page(asked, choices, write_now=ready))
    asked = await run_in_threadpool(_checked, runtime, asked, choices)
    if asked.wrong or not own:
        return render(request, page(asked, choices, write_now=False))
    if asked.seed is None:
        again = replace(asked, seed=new_seed())
        return RedirectResponse(f"/playground?{again.query()}&{WRITE}=1#answers", 303)
    with runtime.admission.admit():
        answers = await run_in_threadpool(_answers, runtime, asked, choices, _base_url(request))
    return render(request, page(asked, choices, write_now=False, answers=answers))


@router.post("/playground/check")
async def check(request: Request, runtime: RuntimeDep) -> Response:
    """What is wrong with a form, a sentence for each field, and the nearest values: asked by the page's script where
    it sees something wrong, or the API did."""
    asked, choices = await _asked(request, runtime)
    asked = await run_in_threadpool(_checked, runtime, asked, choices)
    values = {"n": str(asked.n), "seed": "" if asked.seed is None else str(asked.seed)}
    values |= {dial.name: dial.shown(asked.values[dial.name]) for dial in DIALS}
    values |= {"stop": typed_stops(asked.stop_texts)} if "stop" in asked.wrong else {}
    return JSONResponse({"wrong": asked.wrong, "values": values})


@router.post("/playground/code")
async def code(request: Request, runtime: RuntimeDep) -> Response:
    """The calls that give the same answers from outside."""
    asked, choices = await _asked(request, runtime)
    return render(request, _code(runtime, asked, choices, _base_url(request)))


async def _asked(request: Request, runtime: Runtime) -> tuple[Asked, Choices]:
    async with request.form() as form:
        entries = _entries(form)
    return await runtime.reading.run(partial(_read, entries=entries, runtime=runtime))


def _entries(form: FormData) -> Entries:
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def _read(session: Session, *, entries: Entries, runtime: Runtime) -> tuple[Asked, Choices]:
    choices = read_choices(session)
    asked = read_address(entries, runtime.settings, partial(choices.wrong, session))
    if not asked.version_ids and choices.versions:
        asked = replace(asked, version_ids=(choices.versions[0].id,))
    return asked, choices


def _edited(asked: Asked, entries: Entries, runtime: Runtime) -> Asked:
    """What the buttons of the form do without JavaScript: a preset, a turn more, a turn less."""
    preset = next((each for each in presets(runtime.settings) if each.name == last(entries, "preset")), None)
    if preset is not None:
        asked = replace(asked, values={**asked.values, **preset.values})
    turns = list(asked.turns)
    removed = last(entries, "remove")
    if removed.isdecimal() and len(removed) < 3 and int(removed) < len(turns):
        del turns[int(removed)]
    if last(entries, "add") and len(turns) < MAX_TURNS:
        turns.append(Turn(next_role(turns), ""))
    return replace(asked, turns=tuple(turns or [Turn("user", asked.prompt)]))


def next_role(turns: Sequence[Turn]) -> str:
    return "assistant" if turns and turns[-1].role == "user" else "user"


def _checked(runtime: Runtime, asked: Asked, choices: Choices) -> Asked:
    """Blocks: a model may have to be opened to count."""
    wrong = dict(asked.wrong)
    if asked.is_empty:
        wrong["prompt"] = {
            Mode.QUESTION: _("The box is empty: write what you want answered."),
            Mode.CONVERSATION: _("The conversation is empty: write what you want answered."),
            Mode.TEXT: _("The box is empty: write the beginning of a text."),
        }[asked.mode]
    elif not asked.version_ids:
        wrong["version"] = _("No version here can write answers yet.")
    elif (said := too_long(runtime.engine, asked, choices.kinds)) is not None:
        wrong["prompt"] = said
    return replace(asked, wrong=wrong)


def _answers(runtime: Runtime, asked: Asked, choices: Choices, base_url: str) -> AnswersPart:
    assert asked.seed is not None
    return AnswersPart(
        written=write(runtime.engine, asked, choices.kinds),
        titles=choices.titles,
        seed=asked.seed,
        code=_code(runtime, asked, choices, base_url),
    )


def _code(runtime: Runtime, asked: Asked, choices: Choices, base_url: str) -> CodePart:
    with_token = runtime.settings.token is not None
    codes = [code_of(asked, each, base_url=base_url, with_token=with_token) for each in asked.version_ids]
    return CodePart(codes=codes, titles=choices.titles)


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _examples(choices: Choices) -> list[tuple[Example, str]]:
    """Each with its address: on a fresh page's version, or on a base model beside the newest one that answers."""
    bases = [each.id for each in choices.versions if each.is_base]
    others = [each.id for each in choices.versions if not each.is_base]
    pair = [bases[0], others[0]] if bases and others else []
    return [(each, each.address(*(pair if each.with_base else []))) for each in EXAMPLES if pair or not each.with_base]
