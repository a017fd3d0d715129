"""The parts of a fitted model: of a pipeline, or of a search over pipelines."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from .snapshots import snapshot

__all__ = ["final_estimator", "pipeline_steps", "transform_until_last"]


def pipeline_steps(model: Any) -> list[Any]:
    """Return the steps of a pipeline, of one within another, and of a search's best one."""
    best = getattr(model, "best_estimator_", model)
    inner = [step for _, step in getattr(best, "steps", ())]
    return [part for step in inner for part in pipeline_steps(step)] if inner else [best]


def transform_until_last(model: Any, X: Any) -> Any:
    """Return what the last step of a model reads."""
    for step in pipeline_steps(model)[:-1]:
        X = X if step in (None, "passthrough") else step.transform(X)
    return X


def final_estimator(who: str, model: Any) -> Any:
    """Return the fitted recurrent estimator that a model ends with, or raise."""
    final = pipeline_steps(model)[-1]
    if hasattr(final, "_plan"):
        return snapshot(final)
    if hasattr(final, "embedding_dim"):
        check_is_fitted(final)
    raise TypeError(
        f"{who}: expected a fitted classifier or regressor of sklearn_rnn, or a pipeline that "
        f"ends with one, got {type(final).__name__}."
    )
