"""Texts, ids and labels on their way to batches."""
