"""What is said of a policy: by its evaluation, once there is one, else by its training's end; never by both."""

from collections.abc import Mapping
from typing import Any

from app.db.models.versions import Version
from app.formats.figures import number
from app.policy_fit import FORGETS, NEXT, Found, next_step, told
from app.policy_hparams import LEAST_KNOWLEDGE
from app.policy_sayings import TEXT, WIN_RATES, Saying, next_of, sayings_of
from app.services.versions.bounds import measured, policy_verdict
from app.translation import N_, _
from app.web.retelling import retold

OLD_WIN_RATE, OLD_FORGETS = "omparisons with the SFT model", FORGETS.partition("{")[0]
"""By which sentences of before are known, in whatever words they went on."""


def told_verdict(version: Version) -> dict[str, Any] | None:
    """In the page's language: the fit, sentences of which the first is the verdict, what to do next, answers of its
    end. None where nobody watched its training and nothing was evaluated."""
    verdict = policy_verdict(version)
    if verdict is None:
        return None
    said, after = sayings_of(verdict), next_of(verdict)
    verdict, said, after = _by_evaluation(version, verdict, said, after)
    sentences = [_shown(each) for each in said]
    kept = _kept_from_before(version, verdict)
    sentences += [kept] if kept else []
    step = retold(verdict["next_step"]) if after is None else _(NEXT[after])
    return verdict | {"sentences": sentences, "next_step": step}


def _shown(saying: Saying) -> str:
    return retold(saying.sentence) if saying.say == TEXT else saying.sentence


def _by_evaluation(
    version: Version, verdict: dict[str, Any], said: list[Saying], after: str | None
) -> tuple[dict[str, Any], list[Saying], str | None]:
    """The word, the sentences and the next step by the figures that stand beside them on the page. What its training
    alone tells (over-optimized, why it ended) stays."""
    figures = measured(version.metrics.get("evaluation") or {})
    said = [each for each in said if "win_rate" not in figures or not _is_of_win_rate(each)]
    found = _found(figures)
    if found is None or not said:
        return verdict, said, after
    word = told(found, judge_is_other=figures.get("judge/is_other") != 0.0)
    step = next_step(
        word, ended=verdict.get("reason") or "", rising=after == "rising", kl=float(figures.get("kl", 0.0))
    )
    known = figures.get("knowledge")
    forgets = bool(verdict.get("forgets")) if known is None else known < LEAST_KNOWLEDGE
    graver = "over-optimized" if verdict["over_optimized"] else "forgets" if forgets else ""
    others = _others(said[1:], known, forgets=forgets)
    return verdict | {"fit": found.fit, "forgets": forgets}, [Saying(f"fit/{word}"), *others], graver or step


def _is_of_win_rate(saying: Saying) -> bool:
    """Of the prompts by which the training was watched: the page says the evaluation's, and there is one number."""
    return saying.say in WIN_RATES or (saying.say == TEXT and OLD_WIN_RATE in saying.sentence)


def _others(said: list[Saying], known: float | None, *, forgets: bool) -> list[Saying]:
    """Those of the training, but of forgetting what was measured last."""
    if known is None:
        return said
    kept = [each for each in said if each.say != "forgets" and not each.sentence.startswith(OLD_FORGETS)]
    return [Saying("forgets", {"known": known}), *kept] if forgets else kept


def _found(figures: Mapping[str, Any]) -> Found | None:
    names = ("reward/gain", "judge/gain", "judge/gain_error", "win_rate")
    if not all(name in figures for name in names):
        return None
    promised, judged, judged_error, win_rate = (float(figures[name]) for name in names)
    return Found(promised, judged, judged_error, win_rate, float(figures.get("win_rate_error", 0.0)))


def _kept_from_before(version: Version, verdict: Mapping[str, Any]) -> str:
    """Where the version is not the policy of the training's end, and the verdict does not say so already."""
    seen = version.metrics.get("validations") or [{"episodes": 0}]
    end, kept = seen[-1]["episodes"], verdict.get("episodes", 0)
    if verdict["over_optimized"] or not kept < end:
        return ""
    said = N_("The version that is kept is that of {kept} episodes, the best one; the training went on to {end}.")
    return _(said, kept=number(kept), end=number(end))
