"""Wordings of both languages, chosen by language."""

from app.training.data import phrases_en, phrases_zh
from app.training.data.banks import Language
from app.training.data.phrases_en import Table

PROMPTS: dict[Language, Table] = {"en": phrases_en.PROMPTS, "zh": phrases_zh.PROMPTS}
ANSWERS: dict[Language, Table] = {"en": phrases_en.ANSWERS, "zh": phrases_zh.ANSWERS}
FOLLOWUPS: dict[Language, Table] = {"en": phrases_en.FOLLOWUPS, "zh": phrases_zh.FOLLOWUPS}
