"""A policy that is loaded: its decoder and its tokenizer, and what is asked of the two without writing an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.chat import Distribution, Prompt, RawText, RawTokens, Templated
from app.errors import ContextFullError, InvalidError
from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.distribution import distribution
from app.lm.inference.prefill import prompt_logits
from app.lm.text.tokenizer import Tokenizer
from app.translation import N_, _


@dataclass(frozen=True)
class Policy:
    decoder: Decoder
    tokenizer: Tokenizer

    def encode(self, prompt: Prompt, max_tokens: int) -> list[int]:
        """The prompt's ids; raises InvalidError where the answer would not fit behind them."""
        ids = self._ids(prompt)
        context = self.decoder.config.context_tokens
        limit = context - max_tokens
        if len(ids) > limit:
            room = context - len(ids)
            said = N_(
                "The prompt has {n} tokens; with {max_tokens} for the answer at most {most} fit. Shorten it: this "
                "version reads {context} tokens, prompt and answer together."
            )
            if room > 0:
                said = N_(
                    "The prompt has {n} tokens; with {max_tokens} for the answer at most {most} fit. Shorten it, or "
                    "ask for an answer of at most {room}: this version reads {context} tokens, prompt and answer "
                    "together."
                )
            numbers = {"n": len(ids), "max_tokens": max_tokens, "most": max(0, limit), "room": room, "context": context}
            raise ContextFullError(
                _(said, **{name: f"{number:,}" for name, number in numbers.items()}),
                tokens=len(ids),
            )
        return ids

    def _ids(self, prompt: Prompt) -> list[int]:
        match prompt:
            case RawTokens(token_ids):
                self.check_tokens(token_ids)
                ids = list(token_ids)
            case RawText(text):
                ids = self.tokenizer.encode_document(text)
            case Templated(messages, values):
                ids = self.tokenizer.encode_conversation(messages, values)
            case _:
                ids = self.tokenizer.encode_conversation(prompt)
        if not ids:
            raise InvalidError(_("The prompt is empty, and this model's documents have no start token."))
        return ids

    def check_tokens(self, token_ids: Sequence[int], param: str = "prompt") -> None:
        """Raises InvalidError for one that there is not."""
        size = self.decoder.config.vocab_size
        if (unknown := next((token for token in token_ids if not 0 <= token < size), None)) is not None:
            raise InvalidError(
                _("There is no token {unknown}; the last one is {size}.", unknown=unknown, size=size - 1), param=param
            )

    def check_given(self, token_ids: Sequence[int], max_tokens: int, *, goes_on: bool = False) -> None:
        """Raises InvalidError where no answer of up to `max_tokens` begins with these tokens: one is unknown, there are
        too many, or one behind which others stand (`goes_on`: have to come) ends an answer."""
        self.check_tokens(token_ids, "continue_from")
        if len(token_ids) > max_tokens:
            raise InvalidError(
                _(
                    "continue_from has {n} tokens, and they count as part of the answer, which may have "
                    "{max_tokens}. Raise max_tokens, or continue from fewer.",
                    n=f"{len(token_ids):,}",
                    max_tokens=f"{max_tokens:,}",
                ),
                param="continue_from",
            )
        behind = token_ids if goes_on else token_ids[:-1]
        ends = (place for place, token in enumerate(behind, start=1) if token in self.tokenizer.end_ids)
        if (end := next(ends, None)) is not None:
            raise InvalidError(
                _(
                    "Token {place} of continue_from ({token}) ends an answer: nothing comes behind it. "
                    "Continue from the {n} before it.",
                    place=f"{end:,}",
                    token=token_ids[end - 1],
                    n=f"{end - 1:,}",
                ),
                param="continue_from",
            )

    def check_biases(self, params: SamplingParams) -> None:
        """Raises InvalidError where the settings name a token that there is not."""
        last = self.decoder.config.vocab_size - 1
        if (unknown := max((token for token, _bias in params.logit_bias), default=0)) > last:
            raise InvalidError(
                _("logit_bias: there is no token {unknown}; the last one is {last}.", unknown=unknown, last=last),
                param="logit_bias",
            )

    def next_token(self, prompt: Sequence[int], given: Sequence[int], params: SamplingParams, k: int) -> Distribution:
        """What an answer to the prompt's ids, which begins with the given ones, draws its next token from."""
        logits = prompt_logits(self.decoder, [*prompt, *given])
        return distribution(self.tokenizer, logits, prompt, given, params, k)
