"""A network's configuration, none of whose values is another's."""

from sklearn_rnn._network.config import NetworkConfig

CONFIG = NetworkConfig(
    n_ids=9,
    n_dimensions=4,
    n_outputs=3,
    sequence_length=5,
    n_pairs=2,
    bidirectional=True,
    cell="lstm",
    hidden_size=6,
    num_layers=1,
    pooling="max",
    linear="pairs",
    input_dropout=0.1,
    dropout=0.2,
    branch_dropout=0.3,
)
