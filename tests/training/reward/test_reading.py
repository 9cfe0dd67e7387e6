"""What the SFT model notices: against the plain model, whatever is read beside it, and blind to nothing."""

import math

import pytest
import torch
import torch.nn.functional as F

from app.lm.inference.decoder import Decoder
from app.saving import TrainingError
from app.training.reward.layout import layout_of
from app.training.reward.reading import Reader
from app.training.reward.references import References
from app.training.reward.words import Words
from tests.training.tiny import ASSISTANT, BOS, CONFIG, END, ENDS, USER, random_groups, tiny_model

pytestmark = pytest.mark.usefixtures("fp32")
BLANK = [BOS, USER, ASSISTANT]


def reader() -> Reader:
    return Reader(tiny_model(), BLANK, frozenset({40, 41}))


def logprobs(prompt: list[int], answer: list[int]) -> torch.Tensor:
    """[T] by the plain model."""
    with torch.no_grad():
        logits: torch.Tensor = tiny_model()(torch.tensor([prompt + answer]))[0, len(prompt) - 1 : -1]
    return logits.log_softmax(-1).gather(1, torch.tensor(answer).unsqueeze(1))[:, 0]


def test_log_probabilities_are_the_models_behind_the_prompt_and_alone() -> None:
    prompt, answer = [BOS, USER, 9, 12, ASSISTANT], [20, 21, 22, END]
    [blocks] = reader().read([(prompt, answer)], ENDS)
    behind, alone = logprobs(prompt, answer), logprobs(BLANK, answer)
    told = blocks["likelihood"]
    wanted = [behind.mean(), behind.min(), behind.sum(), behind[-1], behind[0]]
    torch.testing.assert_close(told[:5], torch.stack(wanted), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(told[8:10], torch.stack([alone.mean(), alone.sum()]), rtol=1e-4, atol=1e-4)
    assert told[11].item() == pytest.approx((behind - alone).sum().item(), abs=1e-3)


def test_states_are_the_models_at_three_heights() -> None:
    prompt, answer = [BOS, USER, 9, 12, ASSISTANT], [20, 21, 22, 23, 24, 25, END]
    [blocks] = reader().read([(prompt, answer)], ENDS)
    for place, layers in enumerate((0, 1, 3)):
        with torch.no_grad():
            ids = torch.tensor([prompt + answer])
            states = tiny_model().hidden_states(ids, num_layers=layers, normalize=False)[0, len(prompt) :]
        normed = F.rms_norm(states, states.shape[-1:])
        torch.testing.assert_close(blocks[f"mean {place}"], normed.mean(0), rtol=1e-3, atol=1e-4)
        if layers == 0:
            torch.testing.assert_close(blocks["beginning"][:32], normed[:4].mean(0), rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(blocks["finish"][:32], normed[2:6].mean(0), rtol=1e-3, atol=1e-4)
        if layers == 3:
            torch.testing.assert_close(blocks["end"][32:], normed[-1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_answers_bits_are_its_own(threads: int) -> None:
    torch.set_num_threads(threads)
    read, (prompts, answers) = reader(), random_groups(8, 4)
    pairs = [(prompt, answer) for prompt, group in zip(prompts, answers, strict=True) for answer in group]
    together = read.read(pairs, ENDS)
    for pair, expected in zip(pairs[::5], together[::5], strict=True):
        [alone] = reader().read([pair], ENDS)
        assert all(torch.equal(alone[name], block) for name, block in expected.items())


def test_words_and_those_of_references_to_the_prompt_are_kept() -> None:
    prompt, other, answer = [BOS, USER, 9, 12, ASSISTANT], [BOS, USER, 30, 31, ASSISTANT], [22, 20, 22, END]
    read = reader()
    mine, elsewhere = read.read([(prompt, answer), (other, answer)], ENDS)
    assert mine["words"].tolist() == elsewhere["words"].tolist() == [20, 22]
    decoder = Decoder(tiny_model(), read.dtype)
    told = References(decoder, CONFIG.context_tokens, Words()).of([prompt, other], ENDS)
    assert torch.equal(mine["reference words"], told[0])
    assert torch.equal(elsewhere["reference words"], told[1])
    assert not torch.equal(told[0], told[1])


def test_the_layout_of_the_text_is_kept_without_the_end_mark() -> None:
    pieces = ["x"] * CONFIG.vocab_size
    pieces[20], pieces[21], pieces[END] = "- tea\n", "Milk?", "!"
    read = Reader(tiny_model(), [BOS, USER, ASSISTANT], frozenset(), Words(pieces))
    [mine] = read.read([([BOS, USER, 9, ASSISTANT], [20, 20, 21, END])], ENDS)
    assert torch.equal(mine["layout"], layout_of("- tea\n- tea\nMilk?"))
    [plain] = reader().read([([BOS, USER, 9, ASSISTANT], [20, 20, 21, END])], ENDS)
    assert not plain["layout"].any(), "tokens that are words have no marks"


def test_order_and_prompt_are_seen() -> None:
    prompt, answer = [BOS, USER, 9, 12, ASSISTANT], [20, 21, 22, 23, 24, END]
    shuffled, other = [24, 22, 20, 23, 21, END], [BOS, USER, 30, 31, ASSISTANT]
    mine, turned, elsewhere = reader().read([(prompt, answer), (prompt, shuffled), (other, answer)], ENDS)
    for name in ("likelihood", "mean 2", "beginning", "end"):
        assert (mine[name] - turned[name]).abs().max() > 1e-3, name
    for name in ("likelihood", "similarity", "mean 2", "prompt"):
        assert (mine[name] - elsewhere[name]).abs().max() > 1e-3, name
    assert torch.equal(mine["shape"], turned["shape"])


def test_an_answer_is_read_as_it_is_written_and_the_second_sentence_found() -> None:
    read, prompt = reader(), [BOS, USER, 9, ASSISTANT]
    cut, whole = read.read([(prompt, [20, 21]), (prompt, [20, 21, END, 33])], ENDS)
    assert all(torch.equal(cut[name], whole[name]) for name in whole)
    assert read._second_sentence([20, 40, 41, 22, 23, END]) == 3
    assert read._second_sentence([20, 21, END]) == 2
    assert read._second_sentence([20, 40, END]) == 2
    assert cut["shape"][0].item() == pytest.approx(math.log(3))


def test_an_empty_answer_and_damaged_weights() -> None:
    [empty] = reader().read([([BOS, USER, 9, ASSISTANT], [])], ENDS)
    assert all(bool(block.isfinite().all()) for block in empty.values())
    broken = tiny_model()
    with torch.no_grad():
        broken.model.embed_tokens.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="not numbers"):
        Reader(broken, BLANK, frozenset()).read([([BOS, 9], [20, END])], ENDS)
