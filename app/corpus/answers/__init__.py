"""What an answer says, topic by topic, in a given manner of length, listing and example."""
