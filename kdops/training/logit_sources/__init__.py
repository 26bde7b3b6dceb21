"""Teacher logits that come from several teachers, or from a file."""
