"""How good answers are: a metric is a function of sample weights, so value and interval are one computation."""
