"""One page made from plain facts: the report knows no model, no data set and no task."""
