"""From users' arrays to a batch."""
