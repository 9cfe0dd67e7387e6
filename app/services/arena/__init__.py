"""The arena: two versions' answers judged blind, what the votes say of the versions, and what follows from them."""
