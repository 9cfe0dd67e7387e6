"""What a page shows in one read."""
