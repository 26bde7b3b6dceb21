"""Readers of the user's own data: files of the usual formats, and data sets of the Hugging Face hub."""
