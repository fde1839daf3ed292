"""Phases, then steps: the one training loop and what it needs."""
