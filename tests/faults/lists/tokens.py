"""Faults of how a text is cut into tokens, and how that is shown."""

from tests.faults.fault import In

merges = In("app/lm/text/merges.py", "tests/lm/text/test_merges.py")
tokenizing = In("app/lm/inference/tokenizing.py", "tests/lm/inference/test_tokenizing.py")
cache = In("app/lm/inference/model_cache.py", "tests/lm/inference/test_model_cache.py")
choices = In("app/services/versions/tokenizers.py", "tests/services/versions/test_tokenizers.py")
route = In("app/api/tokens.py", "tests/api/test_tokens.py")

FAULTS = [
    merges("the latest merge first", "rank, place = min(ranked)", "rank, place = max(ranked)"),
    merges("a token whose merges do not lead there", "            if not ranked:\n                return None\n", "            if not ranked:\n                return parts[0].tree\n"),
    merges("parts exchanged", "(first.tree, second.tree)", "(second.tree, first.tree)"),
    merges("symbols that mark the ends of words", "pairs = [] if marked else", "pairs ="),
    merges("trees of any depth", "0 < len(written) <= MOST_SYMBOLS", "0 < len(written)"),
    tokenizing("the chat format left out", "if chat else tokenizer.encode(text)", "if chat and not text else tokenizer.encode(text)"),
    tokenizing("a changed text is called exact", "else typed == joined", "else len(joined) >= len(typed)"),
    tokenizing("special tokens look like others", "token in tokenizer.special_texts)", "False)"),
    cache("a tokenizer loads its model", "            tokenizer = read_tokenizer(directory)\n", "            tokenizer = self.policy(version_id).tokenizer\n"),
    cache("all tokenizers are kept", "while len(self._tokenizers) > KEPT_TOKENIZERS", "while len(self._tokenizers) > 99"),
    choices("what was trained has a tokenizer of its own", "while root.parent_id in rows:", "while root.parent_id is False:"),
    route("the active version's tokens for any version", "tokenizing_version(session, body.version)", "tokenizing_version(session, None)"),
]  # fmt: skip
