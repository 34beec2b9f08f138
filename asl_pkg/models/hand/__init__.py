"""The network model=hand: finds the hand, its landmarks, and the letter they form."""
