"""Losses and metrics as formulas of one element or one row, which every device compiles."""
