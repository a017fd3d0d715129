"""Words that the recurrent layers read as the unknown token.

Two kinds of words have no vector worth learning. *Rare* ones occur in too few different training
texts to tell anything about others: the linear model learns them, and the unknown token learns a
vector from their places. *Unread* ones have not occurred in any text so far, and their vectors
are still random. While a network is trained, it reads both as the unknown token; afterwards they
get the unknown token's vector, so that predictions need no mask.

A word with a vector of its own keeps it: in a further fit, rare words are those that were rare
and are rare again, and unread ones those that still have not been read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._data.batches import SequenceDataset
from .._data.ngrams import NGrams
from .._network.network import RecurrentNetwork
from ..sequences import UNKNOWN

__all__ = ["UnknownWords"]

Mask = NDArray[np.bool_]


class UnknownWords(NamedTuple):
    """Which words are read as the unknown token in training."""

    rare: Mask | None = None
    """Words that occur in too few texts, (V,); None: no word is rare."""

    unread: Mask | None = None
    """Words that have occurred in no text yet, (V,); None: all count as read."""

    @classmethod
    def at_start(cls, n_ids: int | None, is_pretrained: bool) -> UnknownWords:
        """Return the masks of a new network, before any text is read.

        Parameters
        ----------
        n_ids : int or None
            Number of rows `V` of the embedding; None if there is no embedding.
        is_pretrained : bool
            Whether its vectors came with the sequences: they are meaningful before training.

        Returns
        -------
        UnknownWords
            All words are unread, unless their vectors are meaningful.
        """
        if n_ids is None or is_pretrained:
            return cls()
        return cls(unread=np.ones(n_ids, np.bool_))

    def with_rare(self, ngrams: NGrams) -> UnknownWords:
        """Return the masks with the rare words of the first fit's texts.

        Parameters
        ----------
        ngrams : NGrams
            What the training texts contain.

        Returns
        -------
        UnknownWords
            The masks.
        """
        return self._replace(rare=ngrams.rare_word_mask)

    def still_rare(self, ngrams: NGrams) -> UnknownWords:
        """Return the masks with those rare words that are rare in a further fit's texts, too.

        Parameters
        ----------
        ngrams : NGrams
            What the training texts contain.

        Returns
        -------
        UnknownWords
            The masks.
        """
        if self.rare is None:
            return self
        return self._replace(rare=self.rare & (ngrams.rare_word_mask | ngrams.is_absent))

    def without_rare(self) -> UnknownWords:
        """Return the masks for a stream: later chunks may contain a word more often.

        Returns
        -------
        UnknownWords
            The unread words alone.
        """
        return self._replace(rare=None)

    def all_read(self) -> UnknownWords:
        """Return the masks for vectors that are set by hand, and meaningful before training.

        Returns
        -------
        UnknownWords
            The rare words alone.
        """
        return self._replace(unread=None)

    def after_reading(self, texts: SequenceDataset) -> UnknownWords:
        """Return the masks without the words of texts that are read.

        Parameters
        ----------
        texts : SequenceDataset
            The training texts. Those without weight teach nothing.

        Returns
        -------
        UnknownWords
            The masks.
        """
        if self.unread is None:
            return self
        occurs = np.zeros(len(self.unread), np.bool_)
        occurs[: UNKNOWN + 1] = True  # no words
        for block in texts.weighted()[0].blocks():
            occurs[block.ids] = True
        return self._replace(unread=self.unread & ~occurs)

    @contextmanager
    def read_as_unknown(self, network: RecurrentNetwork) -> Iterator[None]:
        """Have a network read them as the unknown token in the block, and share its vector after.

        Parameters
        ----------
        network : RecurrentNetwork
            The network, which the block trains.
        """
        masks = [mask for mask in self if mask is not None]
        network.unknown_word_mask = (
            torch.from_numpy(np.logical_or.reduce(masks)) if masks else None
        )
        yield  # after an error the network is discarded
        if network.embedding is not None and network.unknown_word_mask is not None:
            with torch.no_grad():
                table = network.embedding.weight
                table[network.unknown_word_mask] = table[UNKNOWN].clone()
        network.unknown_word_mask = None
