"""Models as files: the Hugging Face layout, families that can be imported, and parts that are not trusted."""
