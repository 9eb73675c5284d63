"""Matrix products in register tiles, and the layouts that they read."""
