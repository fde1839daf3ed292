"""A model on a split: outputs, metrics with intervals, and what the report tells of them."""
