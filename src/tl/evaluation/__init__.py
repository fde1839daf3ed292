"""A model on a split: what is kept of its outputs, metrics with intervals, and the verdict."""
