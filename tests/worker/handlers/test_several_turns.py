"""How a prompt goes on: in its own language, as the model's template has it, and only where it fits."""

from pathlib import Path

from app.db.models.prompts import Prompt
from app.lm.files.checkpoint import read_tokenizer
from app.worker.handlers.left_out import Readable
from app.worker.handlers.several_turns import REQUESTS, REQUESTS_ZH, questions_of, request_to


def test_a_request_is_in_the_language_of_the_prompt() -> None:
    assert request_to("What is a bee?", 1) == REQUESTS[1]
    assert request_to("蜜蜂是什么?", 9) == REQUESTS_ZH[1]
    assert len(REQUESTS) == len(REQUESTS_ZH)


def test_the_answer_and_a_request_follow_the_prompt(tiny_model_dir: Path) -> None:
    tokenizer = read_tokenizer(tiny_model_dir)
    prompts = [Prompt(text="Hi", messages=[{"role": "user", "content": "Hi"}])]
    read = Readable(prompts, [tokenizer.encode_conversation(prompts[0].messages)], 0)
    said = tokenizer.encode("Hello.")
    expected = tokenizer.encode_conversation(
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": REQUESTS[0]},
        ]
    )
    assert questions_of(tokenizer, read, len(expected)).again(0, said) == expected
    assert questions_of(tokenizer, read, len(expected) - 1).again(0, said) is None
    assert questions_of(tokenizer, read, 99).prompts == read.tokens
