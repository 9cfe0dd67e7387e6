"""Words: whole ones of spaced scripts, characters and pairs of Chinese, the same numbers in every process."""

from app.lm.text.tokenizer import train_tokenizer
from app.training.reward.words import Words, words_of


def test_words_of_spaced_scripts_are_whole_and_in_lower_case() -> None:
    assert words_of("The Dog's bone, the 2 dogs! 'Yes'") == {"the", "dog's", "bone", "2", "dogs", "yes"}
    assert words_of("") == words_of(" … — ''") == set()


def test_chinese_characters_and_pairs_are_words() -> None:
    assert words_of("大象吃草。A大") == {"大", "象", "吃", "草", "大象", "象吃", "吃草", "a"}
    assert words_of("カメ、はい") == {"カ", "メ", "カメ", "は", "い", "はい"}


def test_tokens_make_words_and_words_have_their_numbers() -> None:
    tokenizer = train_tokenizer(["some words to learn from", "and a few more words"], 300)
    words = Words.of_tokenizer(tokenizer)
    one, other = words.of(tokenizer.encode("Words, some WORDS")), words.of(tokenizer.encode("some words"))
    assert one.tolist() == other.tolist() == [4536812653411636418, 5268617479337866752]
    assert not words.are_tokens
    assert len(words.of([])) == 0
    assert words.text(tokenizer.encode("Words, some\n- more")) == "Words, some\n- more"
    assert Words().text([3, 4]) == ""


def test_without_pieces_each_token_is_a_word() -> None:
    assert Words().of([7, 3, 7]).tolist() == [3, 7]
    assert Words().are_tokens
    assert len({words.digest for words in (Words(), Words(["a", "b"]), Words(["a", "c"]), Words(["ab"]))}) == 4
