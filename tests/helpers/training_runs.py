"""Settings and small checks of training."""

import numpy as np
from skorch.callbacks import Callback

QUICK = {
    "hidden_size": 8,
    "embedding_dim": 8,
    "lr": 2e-2,
    "max_epochs": 6,
    "early_stopping": True,
    "random_state": 0,
}


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
