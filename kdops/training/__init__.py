"""Losses, teacher logits, the one training loop, and tuning."""
