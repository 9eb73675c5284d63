"""Arrays moved, masked, merged, pooled and drawn."""
