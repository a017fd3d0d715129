"""What moves the weights: the loop, gradients, optimizers, checkpoints, processes."""
