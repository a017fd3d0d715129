"""Texts to learn from: the IMDB reviews, and generated reviews."""

from ._imdb import fetch_imdb
from ._reviews import make_reviews

__all__ = ["fetch_imdb", "make_reviews"]
