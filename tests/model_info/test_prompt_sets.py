"""Each set of shipped prompts is there, and none is what people's own prompts are called."""

from app.corpus.prompts import load_prompts
from app.model_info.prompt_sets import EVERYBODYS, FILES


def test_each_set_has_prompts_to_train_on_and_some_held_out() -> None:
    assert EVERYBODYS not in FILES
    for path in FILES.values():
        assert {prompt.split for prompt in load_prompts(path)} == {"train", "held_out"}
