"""A published model is asked what was written for it, and has files of its own."""

from pathlib import Path

from app.corpus.prompts import load_prompts
from app.layout import EVERYDAY_PROMPTS
from bench.models import prompts_for, results_path


def test_each_model_has_its_prompts_and_its_results() -> None:
    assert prompts_for("smollm2") == {prompt.text for prompt in load_prompts(EVERYDAY_PROMPTS)}
    assert prompts_for("") == {prompt.text for prompt in load_prompts()}
    assert results_path(Path("results"), "loop", "smollm2").name == "loop-smollm2.json"
    assert results_path(Path("results"), "loop", "").name == "loop.json"
