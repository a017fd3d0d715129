"""The torch module: token ids in, logits out."""
