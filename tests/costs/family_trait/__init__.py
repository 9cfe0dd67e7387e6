"""A trait of a model family: the attention multiplier of Granite."""
