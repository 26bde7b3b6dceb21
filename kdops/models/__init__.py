"""Teachers and students, and where a student's embeddings start."""
