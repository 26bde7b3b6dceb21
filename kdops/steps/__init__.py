"""The steps behind the entry points, composed of the rooms below."""
