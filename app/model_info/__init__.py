"""What is known of a model without loading it: its files, its card, its size and the memory its training takes."""
