"""Losses and the sums that metrics are made of."""
