"""`fourfold generate`: answers on the terminal, without a server: of a version of this installation, or of a model
directory. The same settings and seed give what the server gives."""

import json
import time
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from app.chat import MAX_ALTERNATIVES, MAX_ANSWERS, MAX_INDEX, GenerationRequest, Prompt, RawText, SampledAnswer
from app.cli.answer_lines import printable, token_table
from app.cli.options import with_options
from app.cli.paths import path_argument
from app.cli.terminal import text_argument
from app.db.models.versions import VersionKind
from app.db.session import make_read_session_factory, opened_database
from app.errors import InvalidError
from app.formats.invalid_values import sentence_of
from app.hparams import CONTEXT_LIMIT, MAX_SEED, SamplingParams
from app.installation import install, precision_of
from app.services.sampling.engine import Engine
from app.services.sampling.group_sampling import new_seed, page_params
from app.services.versions.answering import answering_version
from app.settings.config import Settings

PAGE = "default: the label page's"


@dataclass(frozen=True)
class Options:
    prompt: Annotated[str | None, typer.Argument(help="What to ask. A base model continues it.")] = None
    text: Annotated[str | None, typer.Option(help="A text to continue as a document, instead of PROMPT.")] = None
    messages: Annotated[
        str | None,
        typer.Option(help='A conversation, instead of PROMPT: JSON such as [{"role": "user", "content": "Hi"}].'),
    ] = None
    system: Annotated[str | None, typer.Option(help="A system line before PROMPT.")] = None
    version: Annotated[int | None, typer.Option(min=1, help="Id of a version; default: the active one.")] = None
    model: Annotated[
        Path | None, typer.Option(parser=path_argument, help="A model directory in the Hugging Face layout instead.")
    ] = None
    n: Annotated[int, typer.Option("--n", "-n", min=1, max=MAX_ANSWERS, help="How many answers.")] = 4
    temperature: Annotated[
        float | None,
        typer.Option(min=0.0, max=2.0, help=f"0 is greedy, and so is anything below 0.001; {PAGE}."),
    ] = None
    top_k: Annotated[int | None, typer.Option(min=0, max=1_000_000, help=f"0 is off; {PAGE}.")] = None
    top_p: Annotated[float | None, typer.Option(min=1e-9, max=1.0, help=f"1 is off; {PAGE}.")] = None
    min_p: Annotated[float, typer.Option(min=0.0, max=1.0, help="0 is off.")] = 0.0
    repetition_penalty: Annotated[float, typer.Option(min=0.5, max=2.0, help="1 is off.")] = 1.0
    frequency_penalty: Annotated[float, typer.Option(min=-2.0, max=2.0, help="0 is off.")] = 0.0
    presence_penalty: Annotated[float, typer.Option(min=-2.0, max=2.0, help="0 is off.")] = 0.0
    stop: Annotated[
        list[str] | None, typer.Option(help="The answer ends before this text; may be given up to four times.")
    ] = None
    max_tokens: Annotated[int | None, typer.Option(min=1, max=CONTEXT_LIMIT, help=f"Longest answer; {PAGE}.")] = None
    seed: Annotated[
        int | None, typer.Option(min=0, max=MAX_SEED, help="The same seed gives the same answers; default: by chance.")
    ] = None
    index: Annotated[int, typer.Option(min=0, max=MAX_INDEX, help="Which of the seed's answers the first one is.")] = 0
    continue_from: Annotated[
        str | None, typer.Option(help="Ids of tokens that the answer begins with, such as 310,45,7: a branch.")
    ] = None
    logprobs: Annotated[
        int | None,
        typer.Option(
            min=0, max=MAX_ALTERNATIVES, help="Show each token with its probability, and this many alternatives."
        ),
    ] = None

    def params(self, page: SamplingParams) -> SamplingParams:
        given = ("temperature", "top_k", "top_p", "max_tokens")
        return replace(
            page,
            **{name: getattr(self, name) for name in given if getattr(self, name) is not None},
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            stop=tuple(map(text_argument, self.stop or ())),
            seed=new_seed() if self.seed is None else self.seed,
        )

    def prompt_for(self, kind: VersionKind) -> Prompt:
        """As a version of this kind reads it. Raises BadParameter, InvalidError."""
        given = [self.prompt, self.text, self.messages]
        if given.count(None) != 2:
            raise typer.BadParameter("give one of PROMPT, --text and --messages.")
        if self.system is not None and self.prompt is None:
            raise typer.BadParameter("--system stands before PROMPT; write it into --text or --messages themselves.")
        if self.text is not None:
            return RawText(text_argument(self.text))
        return _read(self._said(), kind)

    def _said(self) -> Any:
        if self.messages is not None:
            try:
                return json.loads(text_argument(self.messages))
            except (ValueError, RecursionError) as error:
                raise typer.BadParameter(f"--messages is not JSON ({error}).") from error
        question = {"role": "user", "content": text_argument(self.prompt or "")}
        return [*([{"role": "system", "content": text_argument(self.system)}] if self.system else []), question]

    def begun(self) -> tuple[int, ...]:
        """The ids of `--continue-from`; raises BadParameter."""
        words = (self.continue_from or "").replace(",", " ").split()
        if any(not word.isascii() or not word.isdigit() or len(word) > 9 for word in words):
            raise typer.BadParameter("--continue-from takes token ids, whole numbers with commas between them.")
        return tuple(map(int, words))


def _read(messages: Any, kind: VersionKind) -> Prompt:
    """As the API reads them."""
    from app.api.schemas import ConversationInput  # loads the web framework

    try:
        return ConversationInput.model_validate({"messages": messages}).to_prompt(kind)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{'.'.join(map(str, first['loc']))}: {sentence_of(first, {})}") from error


@dataclass(frozen=True)
class _Source:
    """Where the model comes from."""

    directory: Path
    kind: VersionKind
    precision: str


@with_options(Options)
def generate(options: Options) -> None:
    """Ask a model; prints its answers, as the server gives them for the same settings and seed."""
    if len(options.stop or ()) > 4:
        raise typer.BadParameter("--stop is taken up to four times.")
    if options.version is not None and options.model is not None:
        raise typer.BadParameter("give --version or --model, not both.")
    settings, begun = Settings(), options.begun()
    source = _source(options, settings)
    params = options.params(page_params(settings))
    request = GenerationRequest(
        options.prompt_for(source.kind),
        version_id=1,
        params=params,
        n=options.n,
        logprobs=options.logprobs,
        continue_from=begun,
        index=options.index,
    )
    from app.lm.inference.engine import LocalEngine
    from app.lm.precision import Formats

    engine = LocalEngine(
        lambda _: source.directory,
        threads=settings.sampler_threads,
        request_seconds=float("inf"),
        formats=Formats(source.precision, settings.sampler_weights),
    )
    try:
        _print(engine, request)
    finally:
        engine.close()


def _source(options: Options, settings: Settings) -> _Source:
    """The version that is named, else the active one; where nothing is installed yet, the model that would be."""
    from app.lm.precision import of_processor

    database = settings.data_dir / "fourfold.db"
    if options.model is not None or (settings.database_url is None and not database.is_file()):
        if options.version is not None:
            raise InvalidError(
                f"The data folder {settings.data_dir} has no versions yet. Run `fourfold run` once, or name another "
                "one in FOURFOLD_DATA_DIR."
            )
        return _Source(options.model or settings.model_dir, VersionKind.SFT, settings.precision)
    install(settings)
    with opened_database(settings.resolved_database_url) as opened, make_read_session_factory(opened)() as session:
        version = answering_version(session, options.version)
        directory, kind = settings.version_directory(version.path), version.kind
    return _Source(directory, kind, precision_of(settings, of_processor))


def _print(engine: Engine, request: GenerationRequest) -> None:
    """A single answer as it comes; several each as a whole, in their order."""
    started, live = time.perf_counter(), request.n == 1
    answers: dict[int, SampledAnswer] = {}
    if live:
        events = engine.stream(request)
        first = next(events)  # errors come before anything is printed
        typer.echo("1. ", nl=False)
        for event in chain([first], events):
            typer.echo(printable(event.text), nl=False)
            if event.answer is not None:
                answers[0] = event.answer
    else:
        answers = dict(enumerate(engine.generate(request)))
    seconds = time.perf_counter() - started
    for index, answer in answers.items():
        cut = "" if answer.finish_reason == "stop" else " […]"
        text = "" if live else f"{index + 1}. {printable(answer.text)}"
        typer.echo(f"{text}{cut}\n")
        if answer.logprobs is not None:
            typer.echo(token_table(answer.logprobs))
    tokens = sum(len(answer.token_ids) for answer in answers.values())
    typer.echo(f"{tokens} tokens in {seconds * 1000:.0f} ms. Seed {request.params.seed}.", err=True)
