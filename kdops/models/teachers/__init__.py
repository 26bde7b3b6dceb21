"""Teachers: encoders from a folder or the Hugging Face hub, with a head for the task."""
