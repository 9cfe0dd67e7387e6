"""The shipped prompts: what people are asked to rank answers to, and what versions are evaluated on.

Only reads the committed prompts.jsonl and imports nothing heavy, so the web side can use it; prompt_selection.py chose
them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.layout import PROMPTS


@dataclass(frozen=True)
class ShippedPrompt:
    text: str
    language: Literal["en", "zh"]
    split: Literal["train", "held_out"]
    topic: str


def load_prompts(path: Path = PROMPTS) -> list[ShippedPrompt]:
    """The committed prompts."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [ShippedPrompt(**json.loads(line)) for line in lines if line]
