"""A kind of job in three files, and what is seen of it in a copy of the program (tests/kinds/test_new_kind.py)."""
