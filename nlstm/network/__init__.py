"""A network: its graph, its weights, and its calls for a batch of a shape."""
