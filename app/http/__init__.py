"""What belongs to HTTP itself: connections, bodies, limits, and errors, whichever route is called."""
