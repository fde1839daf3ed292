"""One page made from plain facts: the report knows no model and no data set."""
