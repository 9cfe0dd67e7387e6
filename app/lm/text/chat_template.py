"""Chat templates of imported models: which one a directory has, and how it is run without trusting it.

A template is code of a stranger, so it runs in a process of its own (template_process.py) with bounded memory,
processor time and output, at import as at sampling; one that goes beyond is an error, and its process is gone.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.chat import Message, Scalar
from app.errors import InvalidError
from app.lm.text.sandbox import RefusedError, Sandbox
from app.model_info.config_fields import read_text
from app.model_info.weights import unusable
from app.translation import N_, _

TEMPLATE_FILE = "chat_template.jinja"
# For a base model, which has none: written into the imported directory, so that transformers uses it, too.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] + '\\n' }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\\n' }}"
    "{% else %}{{ 'Assistant: ' + message['content'] + (eos_token or '') + '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
PROGRAM = "template_process.py"
KEPT = 4  # templates with a process: versions that descend from one model share theirs


# Before and behind the template of a reward model. The line end belongs to the block before it, and is not written.
SCORED_BEGIN = (
    "{{%- set scored_answer = '' -%}}{{%- if messages[-1]['role'] == 'assistant' -%}}"
    "{{%- set scored_answer = ({joint} if messages[-1]['content'] else '') + messages[-1]['content'] + {end} -%}}"
    "{{%- set messages = messages[:-1] -%}}{{%- set add_generation_prompt = true -%}}{{%- endif %}}\n"
)
SCORED_END = "{{ scored_answer }}"


def scored_template(template: str, joint: str, end: str) -> str:
    """A reward model's template: where the last message is an answer, it writes what the policy read before it wrote,
    the answer (behind `joint` if it is not empty) and the end mark, at which the score is read. The policy's own may
    write more (a line break behind the mark, empty thoughts before the answer), which the reward model never saw."""
    begin = SCORED_BEGIN.format(joint=json.dumps(joint), end=json.dumps(end, ensure_ascii=False))
    return begin + template.removesuffix("\n") + SCORED_END


def find_template(directory: Path, config: Mapping[str, Any]) -> str | None:
    """The file of its own, else tokenizer_config.json's: a text, or several with names, of which "default" is meant."""
    path = directory / TEMPLATE_FILE
    if path.is_file():
        return read_text(path)
    template = config.get("chat_template")
    if isinstance(template, list):
        named = {each.get("name"): each.get("template") for each in template if isinstance(each, dict)}
        template = named.get("default")
        if template is None:
            raise InvalidError(
                _("tokenizer_config.json has several chat templates and none is called default. Give one that name.")
            )
    if template is not None and not isinstance(template, str):
        raise unusable(directory / "tokenizer_config.json", "has a chat_template that is not text")
    return template


class ChatTemplate:
    """One template in one process."""

    def __init__(self, template: str, variables: str) -> None:
        """`variables`: names and texts of special tokens, as JSON."""
        begin = {"template": template, "variables": json.loads(variables)}
        self._process = Sandbox(N_("chat template"), PROGRAM, begin)

    def render(
        self,
        messages: Sequence[Message],
        values: Mapping[str, Scalar] | None = None,
        *,
        add_generation_prompt: bool = True,
    ) -> str:
        """The conversation as text; `values` are further variables.

        Raises InvalidError for a conversation or a template that cannot be written."""
        try:
            request = {"messages": list(messages), "add_generation_prompt": add_generation_prompt}
            return str(self._process.ask({**(values or {}), **request}))
        except RefusedError as error:
            raise InvalidError(
                _(
                    "The model's chat template cannot write this conversation: {error}. Change the conversation, "
                    "or use a model with another template.",
                    error=error,
                )
            ) from error


@lru_cache(maxsize=KEPT)
def shared_template(template: str, variables: str) -> ChatTemplate:
    """The same object, and with it the same process, for the same template and special tokens."""
    return ChatTemplate(template, variables)
