"""Sets of prompts that ship with the program, each written for some models. No torch."""

from pathlib import Path

from app.layout import EVERYDAY_PROMPTS, PROMPTS

EVERYBODYS = ""
"""What people wrote or imported belongs to no set: it is for every model."""
CORPUS = "corpus"
EVERYDAY = "everyday"
FILES: dict[str, Path] = {CORPUS: PROMPTS, EVERYDAY: EVERYDAY_PROMPTS}
"""What the corpus can ask, for the model that was made from it; and what people ask any day, in English, for models
that answer almost anything."""
