"""The parts of a fitted model: of a pipeline, or of a search over pipelines."""

from __future__ import annotations

from typing import Any

__all__ = ["pipeline_steps", "transform_until_last"]


def pipeline_steps(model: Any) -> list[Any]:
    """Return the steps of a pipeline, nested ones included; of a search, those of its best."""
    best = getattr(model, "best_estimator_", model)
    inner = [step for _, step in getattr(best, "steps", ())]
    return [part for step in inner for part in pipeline_steps(step)] if inner else [best]


def transform_until_last(model: Any, X: Any) -> Any:
    """Return X as transformed by all steps of a model but the last."""
    for step in pipeline_steps(model)[:-1]:
        X = X if step in (None, "passthrough") else step.transform(X)
    return X
