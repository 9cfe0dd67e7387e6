"""The dataset card of the exports: what the files hold, as Markdown with the header that Hugging Face reads.

Its fields: https://huggingface.co/docs/hub/datasets-cards. `configs` names the files, so that load_dataset finds them.
"""

from collections.abc import Sequence

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
FILES = ("rankings", "comparisons", "prompts", "votes", "vote-preferences")
CARD = """---
pretty_name: Preferences from Fourfold
language: [{languages}]
size_categories: ["{size}"]
task_categories: [reinforcement-learning, text-generation]
tags: [preference, rlhf, trl]
configs:
{configs}
---

# Preferences from Fourfold

Rankings of answers to a prompt, given in a Fourfold installation: {rankings} rankings by {labelers} labelers, \
{votes} blind votes between two versions, {prompts} prompts.

- `rankings.jsonl`: a prompt, its answers with ranks (1 is best, equal ranks are ties), who wrote each, who ranked.
- `comparisons.jsonl`: each strictly ordered pair as conversational `prompt`, `chosen`, `rejected` (TRL).
- `prompts.jsonl`: all prompts with their split; `held_out` ones are for evaluation and never trained on.
- `votes.jsonl`: both answers of a blind pair and the verdict (`a`, `b`, `tie`, `both_bad`).
- `vote-preferences.jsonl`: votes for one answer in the form of comparisons.

`labeler_kind` tells people (`person`), programs with a known taste (`simulated`) and files that do not say who ranked \
(`imported`) apart. Answers were sampled from language models and may be wrong or hurtful; comments are as people wrote
them. Before you publish this: look for personal data in prompts, comments and labelers' names, and add a license.
"""


def dataset_card(*, rankings: int, labelers: int, votes: int, prompts: int, languages: Sequence[str]) -> str:
    """`languages`: codes of those that prompts are in."""
    size = next((name for most, name in SIZES if rankings < most), "1M<n<10M" if rankings < 10**7 else "n>10M")
    configs = "\n".join(f"  - config_name: {name}\n    data_files: {name}.jsonl" for name in FILES)
    return CARD.format(
        languages=", ".join(f'"{code}"' for code in languages),
        size=size,
        configs=configs,
        rankings=f"{rankings:,}",
        labelers=f"{labelers:,}",
        votes=f"{votes:,}",
        prompts=f"{prompts:,}",
    )
