"""What training aims at, and the loop that gets there."""
