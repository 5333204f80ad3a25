"""The training loop: batches in, weights out, and at any step a checkpoint to go on from.

Every batch draws its randomness from the seed and its own number: a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import nn

from facerec.learning.batches import Batch, Batches, endless, grouped, prepared
from facerec.learning.datasets import Crops
from facerec.learning.reports import Diverged, Pace, Report
from facerec.learning.run import Run

Objective = Callable[[torch.Tensor, Crops], tuple[torch.Tensor, float]]
"""Embeddings (B, 128) and their crops -> the loss and the share of active triplets."""

Validate = Callable[[nn.Module], float]
"""A trunk in evaluation mode -> its true accept rate on people whom the run does not learn from."""


def go(
    run: Run, crops: Crops, batches: Batches, objective: Objective, validate: Validate | None = None
) -> Iterator[Report]:
    """Learn until the last step, measuring and saving on the way; yields a report per step."""
    pace = Pace()
    for step in grouped(own_batches(run, crops, batches), run.share):
        rate = run.set_rate()
        loss, active = learn(run, step, objective)
        images = sum(len(batch.rows) for batch in step) * run.processes.count
        measured = validate(run.averaged()) if validate and run.is_due(run.settings.validate_every) else None
        yield Report(run.step, loss, active, pace(images), rate, measured)
        if run.is_due(run.settings.checkpoint_every):
            run.save()


def own_batches(run: Run, crops: Crops, batches: Batches) -> Iterator[Batch]:
    """This process's batches of all steps that are left, made ahead."""
    first, end = (step * run.settings.accumulate for step in (run.step, run.settings.steps))
    numbered = islice(enumerate(endless(batches, first), first), end - first)
    steps = grouped(numbered, run.settings.accumulate)  # all processes ask for a step at once, who searches for it too
    own = (batch for step in steps for batch in step[run.processes.rank :: run.processes.count])
    return prepared(crops, own, run.views, run.settings.workers)


def learn(run: Run, step: Sequence[Batch], objective: Objective) -> tuple[float, float]:
    """One step on its batches: their mean loss and share of active triplets.

    Raises Diverged, before any weight is changed, where the loss or a gradient is not a finite number.
    """
    run.optimizer.zero_grad(set_to_none=True)
    worth = [look(run, batch, objective) for batch in step]
    if not torch.nn.utils.get_total_norm(run.gradients()).isfinite():
        rows = np.concatenate([batch.rows for batch in step])
        raise Diverged("gradient", run.step, rows, np.concatenate([batch.crops.sources for batch in step]))
    run.advance()
    return run.processes.mean(worth)


def look(run: Run, batch: Batch, objective: Objective) -> tuple[float, float]:
    """Add what one batch teaches to the gradients; its loss and share of active triplets. Raises Diverged."""
    with run.autocast():
        embeddings = run.forward(batch.views.to(run.device, non_blocking=True))
    loss, active = objective(embeddings, batch.crops)
    if not torch.isfinite(loss):
        raise Diverged("loss", run.step, batch.rows, batch.crops.sources)
    (loss / run.share).backward()  # type: ignore[no-untyped-call]
    return loss.item(), active
