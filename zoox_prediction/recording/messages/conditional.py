"""The question and the answer of srv/PredictConditional as messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoox_prediction.errors import InputError
from zoox_prediction.recording.messages.fields import MessageTypes, array_field, header_to_message, stamp_ns
from zoox_prediction.recording.messages.predictions import predictions_from_message, predictions_to_message
from zoox_prediction.scene import CandidatePlans, ConditionalAnswer

_SERVICE = "zoox_prediction/srv/PredictConditional"
_MAX_STEPS = 1_000_000  # of all plans together, were they as long as the longest
_PER_PLAN_AND_AGENT = (  # field of the response, attribute of ConditionalAnswer
    ("yield_probability", "yield_probability"),
    ("collision_probability", "collision_probability"),
    ("smallest_gap", "smallest_gap_m"),
    ("time_to_conflict", "time_to_conflict_s"),
    ("shift", "shift_m"),
)


def candidate_plans_to_request(plans: CandidatePlans, types: MessageTypes, agent_ids: NDArray | None = None) -> Any:
    """PredictConditional request; a plan ends at its first step that is not valid. No `agent_ids`: all agents."""
    kept = np.logical_and.accumulate(plans.valid, axis=1)
    lengths = kept.sum(axis=1)
    return types[_SERVICE].Request(
        header=header_to_message(plans.start_ns, "map", types),
        time_step=float(plans.time_step_s),
        plan_offset=types.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.uint32)),
        x=types.array(plans.position[kept][:, 0].astype(np.float32)),
        y=types.array(plans.position[kept][:, 1].astype(np.float32)),
        yaw=types.array(plans.yaw[kept].astype(np.float32)),
        speed=types.array(plans.speed[kept].astype(np.float32)),
        agent_ids=types.array(np.asarray([] if agent_ids is None else agent_ids, dtype=np.int64)),
    )


def candidate_plans_from_request(message: Any, default_start_ns: int) -> CandidatePlans:
    """The plans of a PredictConditional request; those that end early keep their last state where not valid.

    A zero stamp means `default_start_ns`. Raises InputError, in words for the answer's `message`, when the request has
    no plan, an empty or not finite one, far too many, arrays of different lengths, no positive time step, or another
    frame than map.
    """
    if message.header.frame_id not in ("", "map"):
        raise InputError(f"plans must be in the frame 'map', not '{message.header.frame_id}'")
    time_step_s = round(float(message.time_step), 6)  # float32 on the wire
    if not (np.isfinite(time_step_s) and time_step_s > 0.0):
        raise InputError("time_step must be positive [s]")
    rows = len(message.x)
    columns = [array_field(message, name, np.float64, (rows,)) for name in ("x", "y", "yaw", "speed")]
    states = np.stack(columns, axis=1)
    offsets = np.array(message.plan_offset, dtype=np.int64)
    if len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != rows or np.any(np.diff(offsets) < 1):
        raise InputError(f"plan_offset must rise from 0 to the number of steps, {rows}, and no plan may be empty")
    if not np.all(np.isfinite(states)):
        broken = int(np.searchsorted(offsets, np.argmin(np.isfinite(states).all(axis=1)), side="right")) - 1
        raise InputError(f"plan {broken} has a state that is not finite")
    lengths = np.diff(offsets)
    if len(lengths) * int(lengths.max()) > _MAX_STEPS:
        raise InputError(f"{len(lengths)} plans of up to {lengths.max()} steps are too many; ask for fewer at a time")
    step = np.arange(lengths.max())
    padded = states[offsets[:-1, None] + np.minimum(step, lengths[:, None] - 1)]
    return CandidatePlans(
        start_ns=stamp_ns(message.header.stamp) or int(default_start_ns),
        time_step_s=time_step_s,
        position=padded[..., :2],
        yaw=padded[..., 2],
        speed=padded[..., 3],
        valid=step < lengths[:, None],
    )


def answer_to_response(answer: ConditionalAnswer, types: MessageTypes, scene_age_s: float = 0.0) -> Any:
    """PredictConditional response of a successful answer."""
    matrices = {
        field: types.array(getattr(answer, attribute).astype(np.float32)) for field, attribute in _PER_PLAN_AND_AGENT
    }
    return types[_SERVICE].Response(
        success=True,
        message="",
        predictions=[predictions_to_message(each, types, scene_age_s) for each in answer.predictions],
        agent_ids=types.array(answer.ids.astype(np.int64)),
        **matrices,
    )


def failure_to_response(reason: str, types: MessageTypes) -> Any:
    """PredictConditional response that says in one sentence why there is no answer."""
    return types[_SERVICE].Response(
        success=False,
        message=reason,
        predictions=[],
        agent_ids=types.array(np.zeros(0, dtype=np.int64)),
        **{field: types.array(np.zeros(0, dtype=np.float32)) for field, _ in _PER_PLAN_AND_AGENT},
    )


def answer_from_response(message: Any) -> ConditionalAnswer:
    """The answer of a PredictConditional response; raises InputError with the reason when it was not successful."""
    if not message.success:
        raise InputError(message.message or "the conditional prediction failed and gave no reason")
    shape = (len(message.predictions), len(message.agent_ids))
    matrices = {attribute: array_field(message, field, np.float64, shape) for field, attribute in _PER_PLAN_AND_AGENT}
    return ConditionalAnswer(
        predictions=tuple(predictions_from_message(each) for each in message.predictions),
        ids=np.array(message.agent_ids, dtype=np.int64),
        **matrices,
    )
