"""The settings of sampling as the playground shows them: each with its range, its step and what it does to the dice."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.hparams import MAX_ANSWER_TOKENS, MAX_SEED, SamplingParams
from app.services.sampling.group_sampling import page_params
from app.settings.config import Settings
from app.translation import N_, _

Values = Mapping[str, float]
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
MAX_STOPS, MAX_STOP_CHARACTERS = 4, 256
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


@dataclass(frozen=True)
class Dial:
    """One setting that is a number: a slider and a field. `slider_most` is where the slider ends if the field goes
    further; `whole` ones have no fractions."""

    name: str
    """As the API and the address call it."""
    label: str
    gloss: str
    least: float
    most: float
    step: float
    slider_most: float = 0.0
    whole: bool = False

    @property
    def slider_end(self) -> float:
        return self.slider_most or self.most

    def shown(self, value: float) -> str:
        """As it stands in the field and in the address; JavaScript's String(number) writes the same."""
        return str(int(value)) if value == int(value) else repr(float(value))

    def nearest(self, value: float) -> float:
        inside = min(max(value, self.least), self.most)
        return round(inside) if self.whole else inside

    def read(self, text: str, default: float) -> tuple[float, str | None]:
        """The value that the text means, the nearest one that there is, or the default; and what is wrong with it."""
        plain = text.strip().replace(",", ".")
        if not plain:
            return default, None
        if not NUMBER.fullmatch(plain):
            said = _("“{typed}” is no number; {value} stands in its place.", typed=cut(text), value=self.shown(default))
            return default, said
        wanted = float(plain)
        value = self.nearest(wanted) if math.isfinite(wanted) else (self.most if wanted > 0 else self.least)
        if value == wanted:
            return value, None
        if self.least <= wanted <= self.most:
            return value, _("Only whole numbers here; {value} stands in its place.", value=self.shown(value))
        least, most = self.shown(self.least), self.shown(self.most)
        said = _(
            "It goes from {least} to {most}; {value} stands in its place.",
            least=least,
            most=most,
            value=self.shown(value),
        )
        return value, said


DIALS = (
    Dial(
        "temperature",
        N_("Temperature"),
        N_(
            "How far the dice are bent. Below 1 the likely tokens become likelier, above 1 the unlikely ones catch up. "
            "At 0 nothing is rolled: the likeliest token is taken each time."
        ),
        0,
        2,
        0.05,
    ),
    Dial(
        "top_k",
        N_("Top-k"),
        N_("Only the k likeliest tokens stay on the dice. 0 is off: all of them stay."),
        0,
        1_000_000,
        1,
        slider_most=100,
        whole=True,
    ),
    Dial(
        "top_p",
        N_("Top-p"),
        N_(
            "The likeliest tokens stay until their probabilities add up to p, the rest is taken off: many where the "
            "model is unsure, few where it is sure. 1 is off."
        ),
        0.01,
        1,
        0.01,
    ),
    Dial(
        "min_p",
        N_("Min-p"),
        N_("Tokens below this share of the likeliest token's probability are taken off the dice. 0 is off."),
        0,
        1,
        0.01,
    ),
    Dial(
        "repetition_penalty",
        N_("Repetition penalty"),
        N_(
            "Above 1, tokens that stand in the text already become less likely; below 1, likelier. 1 is off. It also "
            "counts the words of the prompt."
        ),
        0.5,
        2,
        0.05,
    ),
    Dial(
        "max_tokens",
        N_("Length"),
        N_("How many tokens an answer may have. It ends earlier where the model rolls its end token."),
        1,
        MAX_ANSWER_TOKENS,
        1,
        whole=True,
    ),
)
ROLLED = tuple(dial for dial in DIALS if dial.name != "max_tokens")
"""Those that change the dice; a preset sets them all."""
SEED = Dial("seed", N_("Seed"), "", 0, MAX_SEED, 1, whole=True)


@dataclass(frozen=True)
class Preset:
    """Named values of the settings that change the dice."""

    name: str
    label: str
    values: Values

    def fits(self, values: Values) -> bool:
        return all(values[name] == value for name, value in self.values.items())


def presets(settings: Settings) -> tuple[Preset, ...]:
    """Greedy, careful, usual (as the label page samples) and wild."""
    usual = default_values(settings)
    return (
        Preset("greedy", N_("Greedy"), _rolled(temperature=0)),
        Preset("careful", N_("Careful"), _rolled(temperature=0.4, top_p=0.9)),
        Preset("usual", N_("Usual"), {dial.name: usual[dial.name] for dial in ROLLED}),
        Preset("wild", N_("Wild"), _rolled(temperature=1.6)),
    )


def _rolled(**changed: float) -> Values:
    off = {"temperature": 1.0, "top_k": 0.0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}
    return {**off, **changed}


def default_values(settings: Settings) -> dict[str, float]:
    """As the label page samples."""
    page = page_params(settings)
    return {dial.name: float(getattr(page, dial.name)) for dial in DIALS}


def sampling_params(values: Values, *, stop: tuple[str, ...], seed: int | None) -> SamplingParams:
    return SamplingParams(
        temperature=values["temperature"],
        top_k=int(values["top_k"]),
        top_p=values["top_p"],
        min_p=values["min_p"],
        repetition_penalty=values["repetition_penalty"],
        max_tokens=int(values["max_tokens"]),
        stop=stop,
        seed=seed,
    )


def stop_texts(typed: str) -> tuple[tuple[str, ...], str | None]:
    """The texts that end an answer, one a line, with \\n for a line break, \\t for a tab and \\\\ for a backslash; and
    what is wrong. static/js/playground_address.js reads them the same way."""
    lines = [line for line in typed.replace("\r\n", "\n").split("\n") if line]
    texts = [re.sub(r"\\([nt\\])", lambda match: ESCAPES[match[1]], line) for line in lines]
    kept = tuple(text[:MAX_STOP_CHARACTERS] for text in texts[:MAX_STOPS])
    if len(texts) > MAX_STOPS:
        return kept, _("At most {most} texts may end an answer; the first {most} count.", most=MAX_STOPS)
    if kept != tuple(texts):
        return kept, _(
            "A text that ends an answer has at most {most} characters; the rest of it is cut.", most=MAX_STOP_CHARACTERS
        )
    return kept, None


def typed_stops(texts: tuple[str, ...]) -> str:
    """As they are typed: what stop_texts reads."""
    escaped = {value: f"\\{letter}" for letter, value in ESCAPES.items()}
    return "\n".join(re.sub(r"[\n\t\\]", lambda match: escaped[match[0]], text) for text in texts)


def cut(text: str, most: int = 40) -> str:
    """For a sentence: what somebody typed, not all of it."""
    return text if len(text) <= most else text[:most] + "…"
