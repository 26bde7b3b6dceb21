"""What each entry point does, put together from the rooms below."""
