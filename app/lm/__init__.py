"""The language model itself: layers, attention, tokenizer. Knows no web and no database."""
