"""Ready-made examples of the playground: what bench/playground_examples.py found on the shipped model, not staged.

tests/web/test_playground_examples.py writes them again and measures that each shows what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from app.translation import N_, language


@dataclass(frozen=True)
class Example:
    """A request to try, and what it shows. `prompts`: by the page's language. `with_base` ones stand a base model
    beside a model that answers."""

    name: str
    title: str
    text: str
    prompts: Mapping[str, str]
    settings: Mapping[str, str]
    with_base: bool = False

    def address(self, *version_ids: int) -> str:
        """In the language of the page."""
        prompt = self.prompts[language()]
        entries = [("prompt", prompt), *(("version", str(each)) for each in version_ids), *self.settings.items()]
        return "/playground?" + urlencode(entries)


EXAMPLES = (
    Example(
        "greedy",
        N_("Greedy repeats itself"),
        N_("At temperature 0 the likeliest token is taken each time: all answers are the same, and say a thing twice."),
        {"en": "What is a candle?", "zh": "给我讲讲比萨。"},
        {"n": "2", "temperature": "0", "max_tokens": "200", "seed": "1"},
    ),
    Example(
        "wild",
        N_("A high temperature rambles"),
        N_("At temperature 2 unlikely tokens are rolled all the time, and each pulls the next ones off course."),
        {"en": "How do I boil an egg?", "zh": "怎么煮鸡蛋？"},
        {"n": "2", "temperature": "2", "max_tokens": "96", "seed": "4"},
    ),
    Example(
        "base",
        N_("A base model goes on, an SFT model answers"),
        N_("The base model takes a request for the beginning of a text, which may go anywhere. The SFT model answers."),
        {"en": "Tell me a joke.", "zh": "请给我讲个笑话。"},
        {"n": "2", "temperature": "0.8", "max_tokens": "96", "seed": "1"},
        with_base=True,
    ),
)
