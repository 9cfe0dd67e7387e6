"""Each generated document, made from the code (`make docs`)."""
