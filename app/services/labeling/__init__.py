"""Groups of four answers, the people who rank them, and their rankings."""
