"""Model versions: looked up, described, checked against their bounds."""
