"""Who and what belongs together, and which split it goes to."""
