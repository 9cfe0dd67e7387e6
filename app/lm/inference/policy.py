"""A policy that is loaded: its decoder and its tokenizer, and what is asked of the two without writing an answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.chat import NextToken, Prompt, RawText, RawTokens, Templated
from app.errors import InvalidError
from app.hparams import SamplingParams
from app.lm.inference.decoder import Decoder
from app.lm.inference.prefill import prompt_logits
from app.lm.inference.sampler import filter_logits, finite_only
from app.lm.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Policy:
    decoder: Decoder
    tokenizer: Tokenizer

    def encode(self, prompt: Prompt, max_tokens: int) -> list[int]:
        """The prompt's ids; raises InvalidError where the answer would not fit behind them."""
        ids = self._ids(prompt)
        limit = self.decoder.config.context_tokens - max_tokens
        if len(ids) > limit:
            raise InvalidError(
                f"The prompt has {len(ids):,} tokens; with {max_tokens} for the answer at most {max(0, limit):,}"
                " fit. Shorten it.",
                code="context_length_exceeded",
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
            raise InvalidError("The prompt is empty, and this model's documents have no start token.")
        return ids

    def check_tokens(self, token_ids: Sequence[int]) -> None:
        """Raises InvalidError for one that there is not."""
        size = self.decoder.config.vocab_size
        if (unknown := next((token for token in token_ids if not 0 <= token < size), None)) is not None:
            raise InvalidError(f"There is no token {unknown}; the last one is {size - 1}.", param="prompt")

    def check_biases(self, params: SamplingParams) -> None:
        """Raises InvalidError where the settings name a token that there is not."""
        last = self.decoder.config.vocab_size - 1
        if (unknown := max((token for token, _ in params.logit_bias), default=0)) > last:
            raise InvalidError(f"logit_bias: there is no token {unknown}; the last one is {last}.", param="logit_bias")

    def next_tokens(self, prompt: Sequence[int], params: SamplingParams, k: int) -> list[NextToken]:
        """The k likeliest first tokens of an answer to the prompt's ids."""
        logits = prompt_logits(self.decoder, prompt)[None]  # [1,V]
        full = (logits / (params.temperature or 1.0)).softmax(dim=-1)[0]
        finite_only(full.max(dim=-1, keepdim=True).values.tolist())
        kept = filter_logits(logits, params.temperature, params.top_k, params.top_p, params.min_p)[0].softmax(-1)
        best = full.topk(min(k, len(full))).indices.tolist()
        return [
            NextToken(token, text, float(full[token]), float(kept[token]))
            for token, text in zip(best, self.tokenizer.pieces(best), strict=True)
        ]
