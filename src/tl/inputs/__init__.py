"""From samples, or from what frozen stages made of them, to batches."""
