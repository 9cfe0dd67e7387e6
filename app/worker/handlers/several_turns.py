"""Conversations of several turns for the trainers, which know tokens alone: how a prompt goes on after its answer."""

from app.chat import Message
from app.lm.text.tokenizer import Tokenizer
from app.training.policy.knowledge import Questions
from app.worker.handlers.left_out import Readable, conversation_tokens

REQUESTS = (
    "Tell me more about that.", "Why is that?", "Now put it in one sentence.", "Could you give me an example?",
    "Say that again in other words.", "Can you put this as a list?", "Thanks! Anything else?", "Are you sure about it?",
)  # fmt: skip
REQUESTS_ZH = (
    "再多说一点吧。", "这是为什么呢？", "请用一句话说。", "能举个例子吗？",
    "换个说法再说一遍。", "请列成几条。", "谢谢！还有吗？", "你确定吗？",
)  # fmt: skip
CHINESE = ("\u4e00", "\u9fff")


def request_to(text: str, number: int) -> str:
    """What people say next, in the language of what they said before: Chinese, or else English."""
    requests = REQUESTS_ZH if any(CHINESE[0] <= letter <= CHINESE[1] for letter in text) else REQUESTS
    return requests[number % len(requests)]


def questions_of(tokenizer: Tokenizer, prompts: Readable, room: int) -> Questions:
    """`room`: tokens of the longest conversation that leaves place for an answer."""

    def again(place: int, answer: list[int]) -> list[int] | None:
        said, asked = tokenizer.decode(answer), prompts.prompts[place].messages
        turns: list[Message] = [{"role": "assistant", "content": said}, {"role": "user", "content": ""}]
        turns[1]["content"] = request_to(asked[-1]["content"], place)
        tokens = conversation_tokens(tokenizer, [*asked, *turns])
        return tokens if tokens is not None and len(tokens) <= room else None

    return Questions(prompts.tokens, again)
