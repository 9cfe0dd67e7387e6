"""Jobs as rows: queued, checked, followed, and what follows from them."""
