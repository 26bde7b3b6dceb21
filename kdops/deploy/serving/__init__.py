"""A bundle behind HTTP: what `kdops serve` runs. It needs uvicorn, orjson and prometheus-client (the extra `serve`)."""
