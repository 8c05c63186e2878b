"""The training itself: steps, validations and checkpoints, on one CPU or on many GPUs of many hosts.

A step is a function of the seed, its number and the state before it, so a training that was killed goes on from its
last checkpoint to what it would have become. With `max_minutes` the learning rates follow the clock instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from zoox_prediction.models.scene_features import NETWORK_INPUTS
from zoox_prediction.prediction.checkpoint import make_network, save_checkpoint
from zoox_prediction.prediction.model_card import ModelCard
from zoox_prediction.training.example import ExampleDataset, ExampleSettings, collate
from zoox_prediction.training.losses import loss_terms
from zoox_prediction.training.metrics_log import MetricsLog
from zoox_prediction.training.optimization import learning_rate, progress
from zoox_prediction.training.samples import Sample
from zoox_prediction.training.sampling import SampleOrder
from zoox_prediction.training.train_config import TrainConfig
from zoox_prediction.training.training_state import WORSE_THAN_ANY, TrainingState, chosen_paths
from zoox_prediction.training.validation import BEST_BY, METRICS, TOLD, metric_sums, scored_modes

LATEST, BEST = "latest.pt", "best.pt"  # in the output folder
_MINUTE_S = 60.0


@dataclass(frozen=True)
class Due:
    """What is to be done before the next step."""

    share: float  # of the training that is done
    validate: bool
    save: bool
    stop: bool


class Training:
    """One training: `run` takes it to its end."""

    def __init__(
        self,
        config: TrainConfig,
        samples: Sequence[Sample],
        validation: Sequence[Sample],
        card: ModelCard,
        fabric: Fabric,
        folder: Path,
        show: Callable[[float, str], None] = lambda share, text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`samples` and `validation` are sequences of Sample, of what `card` says. `folder` gets LATEST and BEST;
        `show` the share that is done and a line on how it goes. Seconds are those of `clock`."""
        self.state = TrainingState(config, card, fabric)
        self._config, self._card, self._fabric, self._clock = config, card, fabric, clock
        self._samples, self._validation, self._folder, self._show = samples, validation, folder, show
        rank, world = fabric.global_rank, fabric.world_size
        self._order = SampleOrder(len(samples), config.data.batch_size, config.seed, rank, world)
        self._started_s = self._saved_s = self._validated_s = self._logged_s = 0.0
        self._recent: list[dict[str, Tensor]] = []
        self._stops = False

    def stop(self) -> None:
        """Lets `run` write LATEST after the step that it is at, and return; from any thread or signal handler."""
        self._stops = True

    def run(self) -> bool:
        """Trains, validates and saves; whether it came to the end, and was not stopped before."""
        state = self.state
        log = MetricsLog(self._folder, state.step) if self._fabric.is_global_zero else None
        self._saved_s = self._validated_s = self._logged_s = state.elapsed_s
        self._started_s = self._clock() - state.elapsed_s
        batches = self._batches()
        while (due := self._due()).share < 1.0:
            if due.validate:
                self._validate(log, due.share)
            if due.save or due.stop:
                self._save()
            if due.stop:
                break
            values = self._train_step(next(batches), due.share)
            self._log(log, values, due.share)
        else:
            self._validate(log, 1.0)
            self._save()
        if log is not None:
            log.close()
        return not due.stop

    def _due(self) -> Due:
        """Decided by the first process, so that all of them do the same."""
        state, logging = self.state, self._config.logging
        state.elapsed_s = self._clock() - self._started_s
        every = logging.checkpoint_steps
        due = Due(
            share=progress(state.step, state.elapsed_s, self._config.optimization),
            validate=state.elapsed_s - self._validated_s > _MINUTE_S * logging.validation_minutes,
            save=state.elapsed_s - self._saved_s > _MINUTE_S * logging.checkpoint_minutes
            or (every is not None and state.step > 0 and state.step % every == 0),
            stop=self._stops,
        )
        return due if self._fabric.world_size == 1 else self._fabric.broadcast(due)

    def _batches(self) -> Iterator[dict[str, Tensor]]:
        settings = ExampleSettings(self._config.augmentation, self._config.balance, self._card.raster.resolution_m)
        loader = torch.utils.data.DataLoader(
            ExampleDataset(self._samples, settings, self._order),
            batch_sampler=_BatchesFrom(self._order, self.state.step),
            collate_fn=collate,
            num_workers=self._config.data.workers,
            pin_memory=self._fabric.device.type == "cuda",
        )
        return iter(loader)

    def _train_step(self, batch: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
        """One step of the optimizer; its losses and the norm of its gradient: the shares of this process in them."""
        config, state, fabric = self._config, self.state, self._fabric
        torch.manual_seed(_step_seed(config.seed, state.step, fabric.global_rank))
        for group in state.optimizer.param_groups:
            group["lr"] = learning_rate(state.step, share, config.optimization)
        batch = fabric.to_device(dict(batch))
        rows = torch.nonzero(batch["decoded"])[:, 0]
        outputs = state.network(rows, {name: batch[name] for name in NETWORK_INPUTS})
        terms = loss_terms(outputs, chosen_paths(batch, rows), config.losses, self._card.raster.resolution_m)
        weight = self._summed(terms.total_weight)
        loss = terms.total(config.losses, weight)
        fabric.backward(loss * fabric.world_size)  # gradients are averaged over the processes
        limit = config.optimization.gradient_norm
        norm = fabric.clip_gradients(state.network, state.optimizer, max_norm=limit, error_if_nonfinite=False)
        assert norm is not None
        if torch.isfinite(norm):  # 16 bits overflow now and then: such a step is left out
            state.optimizer.step()
        state.optimizer.zero_grad()
        state.average()
        means = {f"loss/{name}": value.detach() / weight.clamp(min=1e-6) for name, value in terms.sums.items()}
        return {"loss/total": loss.detach(), "gradient_norm": norm.detach() / fabric.world_size, **means}

    def _log(self, log: MetricsLog | None, values: dict[str, Tensor], share: float) -> None:
        """`values` are this process's parts of sums over all of them."""
        state = self.state
        self._recent.append(values)
        if state.step % self._config.logging.log_steps:
            return
        recent = [torch.stack([each[name] for each in self._recent]).mean() for name in values]
        means = dict(zip(values, self._summed(torch.stack(recent)).tolist(), strict=True))
        now_s = self._clock() - self._started_s
        rate = len(self._recent) * self._config.data.batch_size / max(now_s - self._logged_s, 1e-9)
        if log is not None:
            rates = {"learning_rate": state.optimizer.param_groups[0]["lr"], "scenes_per_s": rate}
            log.add(state.step, {**means, **rates, "epoch": self._order.epoch(state.step)})
        self._logged_s = now_s
        self._recent.clear()
        self._show(share, f"step {state.step}, loss {means['loss/total']:.3f}, {rate:.1f} scenes/s")

    def _validate(self, log: MetricsLog | None, share: float) -> None:
        """Metrics of the averaged weights; every process takes a part of the scenes. The best weights are written."""
        state, fabric = self.state, self._fabric
        network = fabric.to_device(make_network(self._card, "the configuration")).eval()
        network.load_state_dict(state.averaged)
        sums = np.zeros((len(METRICS), 2))
        for row in range(fabric.global_rank, len(self._validation), fabric.world_size):
            sums += metric_sums(scored_modes(self._validation[row], network, fabric.device))
        everywhere = self._summed(torch.from_numpy(sums)).tolist()
        state.metrics = {name: total / count for name, (total, count) in zip(METRICS, everywhere, strict=True) if count}
        value = state.metrics.get(BEST_BY, WORSE_THAN_ANY)
        if value <= state.best:
            state.best = value
            if fabric.is_global_zero:
                save_checkpoint(self._folder / BEST, state.checkpoint(with_resume=False))
        if log is not None and state.metrics:
            log.add(state.step, {f"validation/{name}": value for name, value in state.metrics.items()})
            told = ", ".join(f"{name} {state.metrics[name]:.2f}" for name in TOLD if name in state.metrics)
            self._show(share, f"step {state.step}, validation: {told} m")
        self._validated_s = self._clock() - self._started_s

    def _summed(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        if self._fabric.world_size == 1:
            return value
        summed = self._fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(summed, Tensor)
        return summed

    def _save(self) -> None:
        if self._fabric.is_global_zero:
            save_checkpoint(self._folder / LATEST, self.state.checkpoint(with_resume=True))
        self._saved_s = self._clock() - self._started_s


class _BatchesFrom(torch.utils.data.Sampler[list[tuple[int, int]]]):
    """The keys of all batches from a step on."""

    def __init__(self, order: SampleOrder, first_step: int) -> None:
        self._order, self._first_step = order, first_step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self._order.batches(self._first_step)


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, 2, step, rank]).generate_state(1)[0])
