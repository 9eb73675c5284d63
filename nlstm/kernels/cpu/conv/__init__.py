"""Convolutions and pools over windows of steps."""
