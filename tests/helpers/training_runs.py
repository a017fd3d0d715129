"""Small checks of training, and the weights after each epoch."""

import numpy as np
from skorch.callbacks import Callback


def weights(model):
    return {name: t.numpy().copy() for name, t in model.net_.module_.state_dict().items()}


def assert_same_weights(ours, theirs):
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


class WeightsByEpoch(Callback):
    """Keep the weights of each epoch; the same for all copies."""

    def __init__(self):
        self.weights = []

    def __deepcopy__(self, memory):
        return self

    def on_epoch_end(self, net, **kwargs):
        state = net.module_.state_dict()
        self.weights.append({name: tensor.clone() for name, tensor in state.items()})
