"""A page with its link, its context and its way out of errors."""
