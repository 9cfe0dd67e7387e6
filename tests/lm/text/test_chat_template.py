"""Templates that are not to be trusted: they end as an error, in bounded time and memory, and in another process."""

from pathlib import Path

import pytest

from app.chat import Message
from app.errors import InvalidError
from app.lm.text.chat_template import ChatTemplate, scored_template
from app.lm.text.tokenizer import Tokenizer
from tests.lm.files.imported_models import MISTRAL, STYLES, save_tokenizer
from tests.waiting import wait_for

pytest.importorskip("transformers")


def conversation(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


NS = "{% set ns = namespace(s='a', n=0) %}"
HARMFUL = {
    "escape by class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "escape by globals": "{{ raise_exception.__globals__['jinja2'] }}",
    "escape by format": "{{ '{0.__class__.__init__.__globals__}'.format(raise_exception) }}",
    "escape by attr": "{{ ''|attr('__class__')|attr('__mro__') }}{{ cycler.__init__.__globals__.os.system('true') }}",
    "loads another": "{% include '/etc/passwd' %}",
    "syntax": "{% for %}",
    "undefined": "{{ nothing.at.all }}",
    "range": "{% for i in range(10**9) %}x{% endfor %}",
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "repeats": "{{ ('a' * 10**9) | length }}",
    "doubles": NS + "{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}",
    "number": "{{ 9**(9**9) }}",
    "pads": "{{ '%999999999d' | format(1) }}",
    "writes on": "{% for i in range(90000) %}{{ 'aaaaaaaaaaaaaaaa' }}{% endfor %}",
    "calls itself": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "changes": "{% set _ = messages.append(1) %}",
}


@pytest.mark.parametrize("harm", HARMFUL)
def test_harmful_templates_end_as_an_error(harm: str, tmp_path: Path) -> None:
    """In bounded time, and this process neither grows nor hangs: the rendering is somewhere else."""
    save_tokenizer(tmp_path, "chatml", template=HARMFUL[harm])
    with pytest.raises(InvalidError, match="chat template cannot write this conversation"):
        Tokenizer.load(tmp_path)


def test_harm_that_waits_for_a_word_is_bounded_too(tmp_path: Path) -> None:
    """It passes at import; when somebody types the word, only that conversation fails, and the next one is written."""
    wait = "{% if 'now' in messages[-1].content %}{{ ('a' * 10**9) | length }}{% endif %}"
    save_tokenizer(tmp_path, "chatml", template=wait + STYLES["chatml"][0])
    ours = Tokenizer.load(tmp_path)
    fine = ours.encode_conversation(conversation("later"))
    for word in ("now", "now again"):
        with pytest.raises(InvalidError, match="too much"):
            ours.encode_conversation(conversation(word))
    assert ours.encode_conversation(conversation("later")) == fine


def test_a_template_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.lm.text import sandbox

    monkeypatch.setenv("SECRET_OF_THE_HOUSE", "x")
    process = sandbox.start(Path(sandbox.__file__).with_name("template_process.py"))
    try:
        environment = Path(f"/proc/{process.pid}/environ")
        if environment.exists():
            found = wait_for(environment.read_bytes, "environment of the process")
            assert b"SECRET_OF_THE_HOUSE" not in found
            assert b"PYTHONUTF8" in found
    finally:
        sandbox.stop(process)


def test_a_template_that_leaves_out_the_question_is_refused(tmp_path: Path) -> None:
    save_tokenizer(tmp_path, "mistral", template="{{ bos_token }}{{ 'Answer:' }}{{ eos_token }}")
    imported = Tokenizer.load(tmp_path).imported
    assert imported is not None
    with pytest.raises(InvalidError, match="leaves out"):
        imported.check()
    save_tokenizer(tmp_path, "mistral", template=MISTRAL)
    good = Tokenizer.load(tmp_path).imported
    assert good is not None
    good.check()


def test_a_reward_models_template_writes_what_was_read_the_answer_and_the_end() -> None:
    """Whatever the policy's own template writes behind an answer; its last line end is jinja2's to drop."""
    own = "{{ messages[0].content }}{{ '|' if add_generation_prompt else '!' }}\n"
    scored = ChatTemplate(scored_template(own, " ", '<"e">'), "{}")
    [asked] = conversation("q")
    answer: Message = {"role": "assistant", "content": "a"}
    assert ChatTemplate(own, "{}").render([asked]) == scored.render([asked]) == "q|"
    for told in (False, True):
        assert scored.render([asked, answer], add_generation_prompt=told) == 'q| a<"e">'
    assert scored.render([asked, {"role": "assistant", "content": ""}]) == 'q|<"e">'
