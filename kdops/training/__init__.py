"""Losses, teacher signals, the one training loop, and tuning."""
