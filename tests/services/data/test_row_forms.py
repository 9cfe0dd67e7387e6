"""Rows are recognised by their columns: what is taken of each, what is not, and what is refused by name."""

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.models.prompts import PromptSource, PromptSplit
from app.errors import InvalidError
from app.formats.writers import Writer
from app.services.data.row_forms import Form, GivenRow, read_row
from app.services.data.row_values import a_writer

Columns = dict[str, Any]


def user(text: str) -> Columns:
    return {"role": "user", "content": text}


def assistant(text: str) -> Columns:
    return {"role": "assistant", "content": text}


def read(row: Columns, most: int = 100) -> GivenRow:
    return read_row(row, most)


def said(given: GivenRow) -> list[str]:
    return [message["content"] for message in given.prompt.messages]


def ranked(given: GivenRow) -> list[tuple[str, int]]:
    assert given.ranking is not None
    return [(answer.text, rank) for answer, rank in zip(given.ranking.answers, given.ranking.ranks, strict=True)]


SYSTEM = {"role": "system", "content": "s"}
HUMAN = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: "
POST = {"subreddit": "x", "title": "T", "post": "P"}
COMPARISONS: list[tuple[Columns, list[str], list[tuple[str, int]]]] = [
    ({"prompt": "q", "chosen": "a", "rejected": "b"}, ["q"], [("a", 1), ("b", 2)]),
    ({"prompt": "q", "chosen": "a", "rejected": "b", "tie": True}, ["q"], [("a", 1), ("b", 1)]),
    ({"prompt": [user("q")], "chosen": [assistant("a")], "rejected": [assistant("b")]}, ["q"], [("a", 1), ("b", 2)]),
    ({"chosen": [user("q"), assistant("a")], "rejected": [user("q"), assistant("b")]}, ["q"], [("a", 1), ("b", 2)]),
    # UltraFeedback, binarized: the prompt is said three times
    (
        {
            **{"prompt": "q", "chosen": [user("q"), assistant("a")], "rejected": [user("q"), assistant("b")]},
            "messages": [user("q"), assistant("a")],
        },
        ["q"],
        [("a", 1), ("b", 2)],
    ),
    ({"chosen": "The sky is blue.", "rejected": "The sky is green."}, ["The sky is"], [("blue.", 1), ("green.", 2)]),
    ({"chosen": HUMAN + "a", "rejected": HUMAN + "b"}, ["Hi", "Hello", "Why?"], [("a", 1), ("b", 2)]),
    ({"prompt": HUMAN, "chosen": "a", "rejected": "b"}, ["Hi", "Hello", "Why?"], [("a", 1), ("b", 2)]),
    ({"instruction": "q", "input": "x", "chosen": "a", "rejected": "b"}, ["q\n\nx"], [("a", 1), ("b", 2)]),
    ({"chosen": HUMAN + "a", "rejected": HUMAN}, ["Hi", "Hello", "Why?"], [("a", 1), ("", 2)]),
    # a system text beside the question (Intel/orca_dpo_pairs), or in the conversations alone (HuggingFaceH4's)
    ({"system": "s", "question": "q", "chosen": "a", "rejected": "b"}, ["s\nq"], [("a", 1), ("b", 2)]),
    ({"system": " ", "prompt": "q", "chosen": "a", "rejected": "b"}, ["q"], [("a", 1), ("b", 2)]),
    (
        {"prompt": "q", "chosen": [SYSTEM, user("q"), assistant("a")], "rejected": [SYSTEM, user("q"), assistant("b")]},
        ["s\nq"],
        [("a", 1), ("b", 2)],
    ),
    (
        {
            "system": "s",
            **{"chosen": [SYSTEM, user("q"), assistant("a")], "rejected": [SYSTEM, user("q"), assistant("b")]},
        },
        ["s\nq"],
        [("a", 1), ("b", 2)],
    ),
    # LLaMA-Factory: ShareGPT with preferences
    (
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        ["q"],
        [("a", 1), ("b", 2)],
    ),
    (
        {"info": POST, "summaries": [{"text": "a"}, {"text": "b"}], "choice": 1},
        ["SUBREDDIT: r/x\n\nTITLE: T\n\nPOST: P\n\nTL;DR:"],
        [("a", 2), ("b", 1)],
    ),
]


@pytest.mark.parametrize(("row", "prompt", "answers"), COMPARISONS)
def test_comparisons(row: Columns, prompt: list[str], answers: list[tuple[str, int]]) -> None:
    given = read(row)
    assert (given.form, said(given), ranked(given), given.columns_not_kept) == (
        Form.COMPARISONS,
        prompt,
        answers,
        frozenset(),
    )


RANKINGS: list[tuple[Columns, list[tuple[str, int]]]] = [
    ({"prompt": "q", "answers": [{"text": "a", "rank": 2}, {"text": "b", "rank": 1}]}, [("a", 2), ("b", 1)]),
    ({"prompt": "q", "completions": ["a", "b", "c"], "ranks": [1, 1, 3]}, [("a", 1), ("b", 1), ("c", 3)]),
    ({"prompt": "q", "responses": ["a", "b", "c"], "ranks": [10, 30, 30]}, [("a", 1), ("b", 2), ("c", 2)]),
    ({"prompt": "q", "responses": ["a", "b", "c"], "scores": ["0.5", -1, 0.5]}, [("a", 1), ("b", 2), ("c", 1)]),
    # UltraFeedback
    (
        {
            "instruction": "q",
            "completions": [
                {"response": "a", "overall_score": 7.5, "model": "m"},
                {"response": "b", "overall_score": 8, "model": "n"},
            ],
        },
        [("a", 2), ("b", 1)],
    ),
    # as shown: by position
    (
        {
            "prompt": [user("q")],
            "answers": [{"text": "a", "rank": 1, "position": 1}, {"text": "b", "rank": 2, "position": 0}],
        },
        [("b", 2), ("a", 1)],
    ),
    ({"prompt": "q", "system": "", "answers": ["a", "b"], "ranks": [1, 2]}, [("a", 1), ("b", 2)]),
    ({"messages": [user("q")], "candidates": [[assistant("a")], "b"], "scores": [1, 0]}, [("a", 1), ("b", 2)]),
]


@pytest.mark.parametrize(("row", "answers"), RANKINGS)
def test_rankings(row: Columns, answers: list[tuple[str, int]]) -> None:
    given = read(row)
    assert (given.form, said(given), ranked(given)) == (Form.RANKINGS, ["q"], answers)
    assert not given.columns_not_kept


@pytest.mark.parametrize(
    ("row", "prompt", "answers", "questions"),
    [
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, ["q"], 1, 0),
        ({"messages": [user("q"), assistant("a"), user("r"), assistant("b")]}, ["q"], 2, 1),
        ({"messages": [{"role": "system", "content": "s"}, user("q"), assistant("a")]}, ["s\nq"], 1, 0),
        ({"instruction": "q", "input": "", "output": "a"}, ["q"], 1, 0),
        ({"instruction": "q", "input": "x", "output": "a"}, ["q\n\nx"], 1, 0),
        ({"instruction": "q", "context": "x", "response": "a", "system_prompt": "s"}, ["s\nq\n\nx"], 1, 0),
        ({"system": "s", "conversations": [user("q"), assistant("a")]}, ["s\nq"], 1, 0),
        ({"prompt": "q", "completion": "a"}, ["q"], 1, 0),
        ({"prompt": [user("q")], "completion": [assistant("a")]}, ["q"], 1, 0),
        ({"prompt": "q", "messages": [user("q"), assistant("a")]}, ["q"], 1, 0),
        ({"question": "q", "answer": "a"}, ["q"], 1, 0),
    ],
)
def test_of_prompts_with_an_answer_the_prompt_is_kept_and_the_rest_counted(
    row: Columns, prompt: list[str], answers: int, questions: int
) -> None:
    given = read(row)
    assert (given.form, said(given), given.ranking) == (Form.ANSWERED, prompt, None)
    assert (given.answers_not_kept, given.questions_not_kept, given.columns_not_kept) == (
        answers,
        questions,
        frozenset(),
    )


def test_a_prompt_that_is_a_conversation_is_kept_whole() -> None:
    given = read({"messages": [user("q"), assistant("a"), user("r")], "split": "held_out", "language": "de"})
    assert (given.form, said(given), given.answers_not_kept) == (Form.PROMPTS, ["q", "a", "r"], 0)
    assert (given.prompt.split, given.prompt.language) == (PromptSplit.HELD_OUT, "de")


def test_columns_that_nobody_asks_for_are_named() -> None:
    given = read({"prompt": "q", "response_a": "a", "response_b": "b", "winner": None, "id": 7, "x\0" + "y" * 99: 1})
    assert given.columns_not_kept == {"response_a", "response_b", "x" + "y" * 59}
    assert read({"": 0, "prompt": "q"}).columns_not_kept == {"one without a name"}
    pair = read({"prompt": "q", "chosen": "a", "rejected": "b", "score_chosen": 1, "prompt_id": "f3"})
    assert pair.columns_not_kept == {"score_chosen"}


def test_what_a_ranking_of_ours_carries_is_read() -> None:
    row = {
        "prompt": "q",
        **{"answers": [{"id": 1, "text": " a\0", "tokens": [5, 4], "finish_reason": "length", "rank": 1}, "b"]},
        **{"labeler": "ada", "labeler_kind": "person", "comment": " so ", "duration_ms": 5, "version": 7},
        **{"created_at": "2026-01-02T03:04:05.000006+00:00", "settings": {"temperature": 0.5, "stop": [], "other": 1}},
        **{"archived_at": "2026-01-02", "source": "own"},
    }
    row["answers"][1] = {"text": "b", "rank": 2}  # type: ignore[index]
    given = read(row)
    assert given.ranking is not None
    first = given.ranking.answers[0]
    assert (first.text, first.tokens, first.finish_reason) == (" a", [5, 4], "length")
    assert (given.ranking.labeler, given.ranking.labeler_kind, given.ranking.comment) == ("ada", "person", "so")
    assert (given.ranking.duration_ms, given.ranking.writer) == (5, Writer("version 7", None))
    assert str(given.ranking.created_at) == "2026-01-02 03:04:05.000006+00:00"
    assert given.ranking.settings == {"temperature": 0.5, "stop": []}
    assert (str(given.prompt.archived_at), given.prompt.source) == ("2026-01-02 00:00:00+00:00", PromptSource.OWN)
    assert given.columns_not_kept == frozenset()
    named = read({**row, "written_by": "policy 7", "source": "shipped"})
    assert named.ranking is not None
    assert (named.ranking.writer, named.prompt.source) == (Writer("policy 7", None), PromptSource.IMPORTED)


PAIR = {"prompt": "q", "chosen": "a", "rejected": "b"}
ANSWERS = {"prompt": "q", "answers": [{"text": "a", "rank": 1}, {"text": "b", "rank": 2}]}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({}, "it has no columns with anything in them. It needs prompt, messages or text"),
        ({"foo": 1, "bar": 2}, r"columns are not known \(bar, foo\)\. It needs prompt, messages or text"),
        (
            {"prompt": "q", "completion": "a", "label": True},
            "one answer with a label .as KTO reads them.*chosen, rejected",
        ),
        ({"chosen": "yes", "rejected": "no"}, "no prompt, and they do not begin with the same words"),
        ({"prompt": "q", "chosen": "a", "rejected": [assistant("b")]}, "rejected|chosen"),
        ({"prompt": "q", "chosen": 5, "rejected": "b"}, "chosen must be a text, or a list of messages.* it is 5"),
        (
            {"chosen": [user("q"), assistant("a")], "rejected": [user("r"), assistant("b")]},
            "the same but for their last",
        ),
        (
            {"prompt": "q", "chosen": [user("q")], "rejected": [user("r")]},
            "chosen must end with the assistant's message",
        ),
        ({**PAIR, "tie": "perhaps"}, 'tie must be true or false; it is "perhaps"'),
        ({**PAIR, "chosen_finish_reason": "bored"}, "chosen_finish_reason must be stop or length"),
        ({**PAIR, "labeler_kind": "robot"}, 'labeler_kind must be one of person, simulated, imported; it is "robot"'),
        ({**PAIR, "created_at": "yesterday"}, "created_at must be a time such as"),
        ({**PAIR, "duration_ms": -1}, "duration_ms must be a whole number from 0"),
        ({**PAIR, "comment": ["x"]}, "comment must be a text"),
        ({**PAIR, "comment": "x" * 2_001}, "comment has 2,001 characters"),
        ({**PAIR, "settings": {"temperature": {"a": 1}}}, "settings must be an object of numbers"),
        ({**PAIR, "split": "test"}, 'split must be one of train, held_out; it is "test"'),
        ({**ANSWERS, "prompt": None}, "it has answers, but nothing that they answer"),
        ({"prompt": "q", "answers": []}, "it has 0 answers; a ranking has 2 to 16|neither ranks nor scores"),
        ({"prompt": "q", "answers": [{"text": "a", "rank": 1}]}, "it has 1 answers; a ranking has 2 to 16"),
        ({"prompt": "q", "answers": [{"text": f"{n}", "rank": n} for n in range(17)]}, "it has 17 answers"),
        ({"prompt": "q", "answers": ["a", "b"]}, "answers have neither ranks nor scores"),
        ({"prompt": "q", "answers": ["a", "b"], "ranks": [1]}, "ranks has 1 values for 2 answers"),
        (
            {"prompt": "q", "answers": ["a", "b"], "scores": [1, "NaN"]},
            r'answers\[1\]\.score must be a number; it is "NaN"',
        ),
        ({"prompt": "q", "answers": ["a", "b"], "ranks": [1, 1.5]}, r"answers\[1\]\.rank must be a whole number"),
        ({"prompt": "q", "answers": [{"rank": 1}, {"rank": 2}]}, r"answers\[0\] needs a text"),
        ({"prompt": "q", "answers": [{"text": "a", "rank": 1, "tokens": [-1]}, "b"]}, r"answers\[0\]\.tokens must be"),
        ({"info": 1, "summaries": [1, 2], "choice": 0}, "info must be an object"),
        ({"info": POST, "summaries": ["a", "b"], "choice": 2}, "choice must be 0 or 1; it is 2"),
        ({"instruction": ["q"], "output": "a"}, "instruction must be a text"),
        ({"prompt": "x" * 101}, "has 101 characters; at most 100 are allowed"),
        ({"messages": [assistant("a")]}, "it begins with an answer"),
        ({"conversations": [assistant("a"), user("q"), assistant("b")]}, "it begins with an answer"),
        ({"prompt": "[{'role': 'user', 'content': 'q'}]"}, "prompt holds a list of messages as a text.*json.dumps"),
        ({**PAIR, "chosen": "[{'content': 'q', 'role': 'user'}\n {'content': 'a'}]"}, "chosen holds a list"),
        ({**PAIR, "rejected": '[{"role": "assistant", "content": "b"}]'}, "rejected holds a list"),
        ({**PAIR, "system": ["s"]}, "system must be a text"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(row: Columns, says: str) -> None:
    with pytest.raises(InvalidError, match=says):
        read(row)


def test_a_rankings_prompt_may_be_longer_than_a_page_takes() -> None:
    assert said(read({**PAIR, "prompt": "x" * 101})) == ["x" * 101]


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), st.text()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "text", "rank"]), inner)
    ),
    max_leaves=8,
)
FULL: list[Columns] = [
    *(row for row, _, _ in COMPARISONS),
    *(row for row, _ in RANKINGS),
    {**PAIR, "labeler": "a", "labeler_kind": "person", "comment": "c", "duration_ms": 1, "created_at": "2026-01-01"},
    {**ANSWERS, "settings": {"seed": 1}, "written_by": "w", "version": 1, "archived_at": "2026-01-01", "source": "own"},
    {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
    {"instruction": "q", "input": "i", "output": "o", "split": "train", "language": "en"},
]


@given(st.data())
def test_whatever_stands_in_a_column_it_is_taken_or_refused_with_a_sentence(data: st.DataObject) -> None:
    """One value anywhere in a good row is another."""
    row = copy.deepcopy(data.draw(st.sampled_from(FULL)))
    place: Any = row
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(json_values)
    with suppress(InvalidError):
        given_row = read(row, 1_000)
        assert said(given_row)
        if given_row.ranking is not None:
            assert len(given_row.ranking.answers) == len(given_row.ranking.ranks) >= 2


def test_a_writer_whose_hash_stands_behind_the_name_is_known_by_it() -> None:
    """As an export of before had votes' writers."""
    name, digits = "policy 7", "ab" * 32
    assert a_writer(f"{name} #{digits}", None, "written_by") == a_writer(name, digits, "written_by")
    assert a_writer(name, None, "written_by") == (name, None)
    assert a_writer(" ", digits, "written_by") is None
