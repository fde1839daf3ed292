"""How good answers are: each metric is a function of sample weights, so a value and its interval are one computation."""
