"""Wordings of both languages, chosen by language."""

from app.corpus.banks import Language
from app.corpus.phrases import answers_en, answers_zh, edges_en, edges_zh, everyday, prompts_en, prompts_zh
from app.corpus.phrases.contexts import CONTEXTS
from app.corpus.phrases.prompts_en import Table

PROMPTS: dict[Language, Table] = {
    "en": prompts_en.PROMPTS | edges_en.PROMPTS | CONTEXTS["en"] | everyday.EVERYDAY_EN,
    "zh": prompts_zh.PROMPTS | edges_zh.PROMPTS | CONTEXTS["zh"] | everyday.EVERYDAY_ZH,
}
ANSWERS: dict[Language, Table] = {
    "en": answers_en.ANSWERS | edges_en.ANSWERS,
    "zh": answers_zh.ANSWERS | edges_zh.ANSWERS,
}
FOLLOWUPS: dict[Language, Table] = {
    "en": prompts_en.FOLLOWUPS | edges_en.FOLLOWUPS,
    "zh": prompts_zh.FOLLOWUPS | edges_zh.FOLLOWUPS,
}
