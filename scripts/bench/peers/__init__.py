"""The same transfer-learning jobs through tl's peers: each module is a whole process that does one job."""
