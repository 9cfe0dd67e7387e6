"""GGUF, the one file in which llama.cpp's users have their models: read and written as a Hugging Face folder."""
