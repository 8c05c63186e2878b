"""Plans of the ego that come from outside while the world runs: judged once, then followed while they last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from zoox_prediction.errors import InputError
from zoox_prediction.geometry import wrap_angle
from zoox_prediction.scene import EgoState

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PlanConfig:
    """Which plans are followed, and for how long."""

    max_age_s: float = 8.0  # a plan is followed no longer than this after it was made [s]
    tolerance_m: float = 2.0  # between the ego and the place where the plan has it now [m]
    tolerance_rad: float = 0.5  # the same for the heading [rad]
    max_lead_s: float = 1.0  # how far ahead a plan may begin; the ego is led to its first pose [s]
    max_speed_mps: float = 70.0  # a plan that is faster between two poses jumps [m/s]

    def __post_init__(self) -> None:
        for name in ("max_age_s", "tolerance_m", "tolerance_rad", "max_speed_mps"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be > 0, got {getattr(self, name)}")
        if not self.max_lead_s >= 0.0:
            raise ValueError(f"max_lead_s must be >= 0, got {self.max_lead_s}")


@dataclass(frozen=True)
class EgoPlan:
    """Where base_link is to be at which time, in the map frame."""

    made_ns: int
    stamps_ns: NDArray[np.int64]  # (T,) of the poses
    poses: FloatArray  # (T, 3) x [m], y [m], yaw [rad]


class PlanFollower:
    """Holds the plan that is in force. Times are those of the simulation.

    Between its poses the ego moves along monotone cubics (Fritsch and Carlson, 1980), which do not overshoot: a plan
    that stops does not roll back. After the last pose, and once a plan is too old, there is no plan.
    """

    def __init__(self, config: PlanConfig) -> None:
        self._config = config
        self._plan: EgoPlan | None = None
        self._curve: PchipInterpolator | None = None  # of seconds since `_begin_ns`
        self._begin_ns = 0

    def clear(self) -> None:
        self._plan = self._curve = None

    def offer(self, plan: EgoPlan, ego: EgoState) -> None:
        """Puts `plan` in force, from where the ego is now.

        Raises InputError with the reason for a plan that is implausible; the one in force before stays.
        """
        self._check_itself(plan)
        now_ns = ego.stamp_ns
        self._check_time(plan, now_ns)
        # Where it begins later than now the ego is led there.
        lead = int(plan.stamps_ns[0] > now_ns)
        stamps_ns = np.concatenate([np.full(lead, now_ns), plan.stamps_ns])
        poses = np.concatenate([np.tile([*ego.position, ego.yaw], (lead, 1)), plan.poses])
        poses[:, 2] = np.unwrap(poses[:, 2])
        begin_ns = int(stamps_ns[0])
        curve = PchipInterpolator((stamps_ns - begin_ns) * 1e-9, poses)
        self._check_place(curve, begin_ns, max(now_ns, int(plan.stamps_ns[0])), ego)
        self._plan, self._curve, self._begin_ns = plan, curve, begin_ns

    def pose(self, stamp_ns: int) -> FloatArray | None:
        """(4,) x, y, yaw, speed of base_link at a time that does not lie before now; None when no plan says so."""
        if self._plan is None or self._curve is None or self._why_over(self._plan, stamp_ns):
            return None
        time_s = (stamp_ns - self._begin_ns) * 1e-9
        x, y, yaw = self._curve(time_s).tolist()
        vx, vy, _ = self._curve(time_s, 1).tolist()
        speed = vx * np.cos(yaw) + vy * np.sin(yaw)
        return np.array([x, y, float(wrap_angle(yaw)), speed])

    def status(self, now_ns: int) -> str:
        """Of the plan that was accepted last, after `now_ns`, for people."""
        if self._plan is None:
            return "none"
        made = f"made at {self._plan.made_ns * 1e-9:.1f} s"
        over = self._why_over(self._plan, now_ns + 1)
        return f"none, the one {made} {over}" if over else f"{made}, until {self._plan.stamps_ns[-1] * 1e-9:.1f} s"

    def _why_over(self, plan: EgoPlan, stamp_ns: int) -> str:
        if stamp_ns > plan.stamps_ns[-1]:
            return "has ended"
        return "is too old" if (stamp_ns - plan.made_ns) * 1e-9 > self._config.max_age_s else ""

    def _check_itself(self, plan: EgoPlan) -> None:
        if len(plan.poses) < 2:
            raise InputError(f"the plan has {len(plan.poses)} poses; it must have 2 at least")
        if not np.isfinite(plan.poses).all():
            row = int(np.flatnonzero(~np.isfinite(plan.poses).all(axis=1))[0])
            raise InputError(f"pose {row} of the plan is not finite: {plan.poses[row].tolist()}")
        steps_s = np.diff(plan.stamps_ns) * 1e-9
        if not (steps_s > 0.0).all():
            row = int(np.flatnonzero(steps_s <= 0.0)[0]) + 1
            raise InputError(f"the plan goes back in time: the stamp of pose {row} is not after that of pose {row - 1}")
        ways_m = np.linalg.norm(np.diff(plan.poses[:, :2], axis=0), axis=1)
        if (ways_m > self._config.max_speed_mps * steps_s).any():
            row = int(np.argmax(ways_m / steps_s)) + 1
            raise InputError(
                f"the plan jumps: pose {row} is {ways_m[row - 1]:.1f} m from pose {row - 1}, "
                f"{steps_s[row - 1]:.2f} s later"
            )

    def _check_time(self, plan: EgoPlan, now_ns: int) -> None:
        if self._plan is not None and plan.made_ns < self._plan.made_ns:
            earlier_s = (self._plan.made_ns - plan.made_ns) * 1e-9
            raise InputError(f"the plan goes back in time: it was made {earlier_s:.2f} s before the newest one")
        over = self._why_over(plan, now_ns + 1)
        if over:
            raise InputError(
                f"the plan, made at {plan.made_ns * 1e-9:.2f} s with its last pose at "
                f"{plan.stamps_ns[-1] * 1e-9:.2f} s, {over}: it is {now_ns * 1e-9:.2f} s; stamp plans by /clock"
            )
        lead_s = (max(plan.made_ns, int(plan.stamps_ns[0])) - now_ns) * 1e-9
        if lead_s > self._config.max_lead_s:
            raise InputError(
                f"the plan begins {lead_s:.2f} s from now, at most {self._config.max_lead_s:g} s are bridged; "
                "let it begin at the ego's place now"
            )

    def _check_place(self, curve: PchipInterpolator, begin_ns: int, first_ns: int, ego: EgoState) -> None:
        """At the first time that counts, compared with an ego that goes on straight until then."""
        x, y, yaw = curve((first_ns - begin_ns) * 1e-9).tolist()
        expected = ego.position + ego.velocity * (first_ns - ego.stamp_ns) * 1e-9
        away_m = float(np.hypot(x - expected[0], y - expected[1]))
        if away_m > self._config.tolerance_m:
            raise InputError(
                f"the plan jumps: it begins {away_m:.1f} m away from the ego, at most {self._config.tolerance_m:g} m "
                "are tolerated; begin it at the ego's pose"
            )
        turned_rad = abs(float(wrap_angle(yaw - ego.yaw)))
        if turned_rad > self._config.tolerance_rad:
            raise InputError(
                f"the plan jumps: its heading is {turned_rad:.2f} rad away from the ego's, at most "
                f"{self._config.tolerance_rad:g} rad are tolerated; begin it at the ego's pose"
            )
