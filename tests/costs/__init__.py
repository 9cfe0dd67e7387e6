"""What a change costs: each kind of change as the files that it takes, tried in a copy of the program."""
