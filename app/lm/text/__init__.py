"""Text and tokens: our tokenizer and those of others, chat templates, and the sandbox that the latter run in."""
