"""The model registry: registered models and their versions, who is the champion, and the model that is served."""
