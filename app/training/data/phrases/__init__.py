"""Wordings of both languages, chosen by language."""

from app.training.data.banks import Language
from app.training.data.phrases import answers_en, answers_zh, prompts_en, prompts_zh
from app.training.data.phrases.prompts_en import Table

PROMPTS: dict[Language, Table] = {"en": prompts_en.PROMPTS, "zh": prompts_zh.PROMPTS}
ANSWERS: dict[Language, Table] = {"en": answers_en.ANSWERS, "zh": answers_zh.ANSWERS}
FOLLOWUPS: dict[Language, Table] = {"en": prompts_en.FOLLOWUPS, "zh": prompts_zh.FOLLOWUPS}
