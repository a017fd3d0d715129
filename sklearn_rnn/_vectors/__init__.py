"""Word vectors: read, looked up, trained."""
