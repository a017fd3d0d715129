"""
What a network forgets
======================

The lecture's claim: the last state of a SimpleRNN knows next to nothing about the first of a
hundred words. The derivative of the last state with respect to an input says exactly how much it
knows. Here it is computed in trained networks, and drawn by how far back the input is.
"""

# %%
# A number multiplied by itself
# -----------------------------
#
# If a state were one number, multiplied by one factor, this would be left after a hundred steps:
import matplotlib.pyplot as plt
import numpy as np
from reviews import load_reviews

from sklearn_rnn import RNNTextClassifier, SequenceVectorizer
from sklearn_rnn.displays import MemoryDisplay
from sklearn_rnn.inspection import recurrent_spectrum

for factor in (0.9, 1.2):
    print(f"{factor}^100 = {factor**100:.3g}")

# %%
# A state is a vector, and the factor a matrix. What counts then is the largest absolute
# eigenvalue. Two matrices that differ only by a factor, one of radius 0.9 and one of 1.2:
rng = np.random.default_rng(0)
matrix = rng.normal(size=(32, 32))
matrix /= np.abs(np.linalg.eigvals(matrix)).max()
steps = np.arange(101)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for radius in (0.9, 1.2):
    norms = [np.linalg.norm(np.linalg.matrix_power(radius * matrix, n), 2) for n in steps]
    (line,) = ax.plot(steps, norms, label=f"matrix of radius {radius}")
    ax.plot(steps, radius**steps, "--", color=line.get_color(), label=f"{radius} to the power")
ax.set(yscale="log", xlabel="steps", ylabel="norm", title="What is left by number of steps")
_ = ax.legend()

# %%
# Three trained networks
# ----------------------
#
# The lecture's SimpleRNN and LSTM, and a GRU, with 32 states each, reading forward only:
reviews = load_reviews(1_000)
vectorizer = SequenceVectorizer(max_features=10_000, max_len=200)
X = vectorizer.fit_transform(reviews.train)
long = vectorizer.transform(reviews.test)[:100]
networks = {
    title: RNNTextClassifier(
        cell=cell,
        embedding_dim=32,
        hidden_size=32,
        bidirectional=False,
        pooling="last",
        linear="none",
        max_epochs=4,
        random_state=0,
    ).fit(X, reviews.train_labels)
    for title, cell in {"SimpleRNN": "rnn", "LSTM": "lstm", "GRU": "gru"}.items()
}

ax = None
for title, network in networks.items():
    display = MemoryDisplay.from_estimator(network, long, name=title, ax=ax)
    ax = display.ax_
_ = ax.set_title(f"∂(last state)/∂(input) by distance (reviews: {reviews.source})")

# %%
# The radii of their recurrent matrices
# -------------------------------------
#
# A SimpleRNN's starts as an orthogonal matrix, whose eigenvalues are 1 in absolute value. It is
# all that carries the state, and tanh shrinks that further. In LSTM and GRU one matrix of
# orthonormal rows is split into the gates, so that each starts below 1; the state has a path
# around them.
for title, network in networks.items():
    radii = ", ".join(f"{s.gate} {s.radius:.2f}" for s in recurrent_spectrum(network))
    print(f"{title}: {radii}")
