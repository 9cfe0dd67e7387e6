"""The columns of each export with the type of their values: what Parquet must know before the first row.

A list has one type in it, an object its fields; `dict` is an object without fixed fields, which Parquet has as JSON
text. Any value may be null.
"""

from collections.abc import Mapping
from typing import Any

Columns = Mapping[str, Any]

MESSAGES = [{"role": str, "content": str}]
OF_PROMPT: Columns = {"prompt_id": int, "split": str, "language": str, "archived_at": str}
OF_LABELER: Columns = {"labeler": str, "labeler_kind": str, "created_at": str}
ANSWER: Columns = {
    "id": int,
    "text": str,
    "tokens": [int],
    "finish_reason": str,
    "position": int,
    "rank": int,
    "version": int,
    "written_by": str,
    "content_hash": str,
}
SIDE: Columns = {
    "text": str,
    "tokens": [int],
    "finish_reason": str,
    "score": float,
    "version": int,
    "written_by": str,
    "content_hash": str,
}
WRITERS: Columns = {
    "chosen_finish_reason": str,
    "rejected_finish_reason": str,
    "chosen_written_by": str,
    "chosen_content_hash": str,
    "rejected_written_by": str,
    "rejected_content_hash": str,
}

PROMPTS: Columns = {"prompt": MESSAGES, "source": str, "tags": [str], **OF_PROMPT}
RANKINGS: Columns = {
    "ranking_id": int,
    "group_id": int,
    "prompt": MESSAGES,
    **OF_PROMPT,
    "answers": [ANSWER],
    "version": int,
    "written_by": str,
    "settings": dict,
    "comment": str,
    "duration_ms": int,
    "is_repeat": bool,
    "second_of": int,
    "tags": [str],
    "group_tags": [str],
    **OF_LABELER,
}
COMPARISONS: Columns = {
    "prompt": MESSAGES,
    "chosen": MESSAGES,
    "rejected": MESSAGES,
    "tie": bool,
    **WRITERS,
    "ranking_id": int,
    **OF_PROMPT,
    "version": int,
    "written_by": str,
    **OF_LABELER,
}
PLAIN_COMPARISONS: Columns = {**COMPARISONS, "prompt": str, "chosen": str, "rejected": str}
VOTES: Columns = {
    "vote_id": int,
    "pair_id": int,
    "prompt": MESSAGES,
    **OF_PROMPT,
    "drawn_from": str,
    "pair": [SIDE],
    "verdict": str,
    "reward_version": int,
    "settings": dict,
    "duration_ms": int,
    **OF_LABELER,
}
VOTE_PREFERENCES: Columns = {
    "prompt": MESSAGES,
    "chosen": MESSAGES,
    "rejected": MESSAGES,
    **WRITERS,
    "vote_id": int,
    **OF_PROMPT,
    **OF_LABELER,
}
