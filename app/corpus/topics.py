"""How often each topic is asked, and how much more or less of it training practises."""

# How often a topic is asked, in percent.
TOPIC_SHARES: dict[str, int] = {
    "concept": 18, "howto": 8, "lookalike": 4, "advice": 7, "chat": 7, "category": 5, "comparison": 5, "definition": 4,
    "refusal": 8, "story": 6, "letter": 3, "plan": 3, "opinion": 3, "riddle": 3, "rhyme": 3, "rewrite": 11,
    "translation": 9, "arithmetic": 5, "words": 3,
}  # fmt: skip

# How often training draws a topic, measured against how often it is asked: what is learned slowly is practised more.
PRACTICE: dict[str, float] = {
    "rewrite": 2.4, "chat": 2.4, "arithmetic": 3.0, "translation": 1.6, "words": 1.3, "refusal": 1.3, "rhyme": 1.2,
    "concept": 0.9, "lookalike": 2.0, "howto": 2.2, "advice": 1.7, "definition": 1.7, "category": 2.4,
    "comparison": 0.8, "plan": 0.8,
}  # fmt: skip

# Of the pairs that training draws, how many are about the edges of the corpus, and how those divide, in percent. Nobody
# suggests such prompts, and the report card asks its own (edge_questions.toml).
EDGE_SHARE = 0.42
EDGE_SHARES: dict[str, int] = {"unknown": 26, "improper": 27, "harmless": 27, "familiar": 14, "unfamiliar": 6}

# Of the pairs that training draws and that are not at the edges, how many are what people ask first and tell in passing
# (everyday.py), and how those divide, in percent. The shipped prompts know nothing of them.
EVERYDAY_SHARE = 0.27
EVERYDAY_SHARES: dict[str, int] = {"list": 30, "concept": 17, "statement": 24, "why": 13, "sum": 16}
