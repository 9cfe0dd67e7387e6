"""Model versions: stored, activated, checked, removed."""
