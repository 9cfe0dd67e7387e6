"""What an answer says, topic by topic, in a given style of length, listing and example."""
