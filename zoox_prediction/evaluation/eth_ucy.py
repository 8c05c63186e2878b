"""The protocol of the ETH/UCY pedestrian benchmark: 8 observed steps of 0.4 s (3.2 s), 12 predicted ones (4.8 s).

As introduced by Alahi et al., "Social LSTM", CVPR 2016, and kept since: every run of 20 consecutive steps in which a
pedestrian is present is one sample; a predictor that learns trains on four scenes and is tested on the fifth, so the
test files of the five leave-one-out splits (ETH, Hotel, Univ, Zara1, Zara2) are the scenes themselves. Scores are
minADE and minFDE over all 12 steps, for the K of the config; the benchmark's usual best-of-20 samples does not apply to
predictors that answer with at most 6 modes. The published Social-GAN loader leaves out samples with nobody else in
the scene; here they count. The Stanford Drone Dataset in TrajNet's split has windows of the same steps, one for each
of its tracks.

Nothing of the observed states looks ahead: a recording's velocities may have been smoothed over the future, so here
they are the last observed displacement over its 0.4 s, which is what constant velocity means in this benchmark
(Schöller et al., "What the Constant Velocity Model Can Teach Us About Pedestrian Motion Prediction", RA-L 2020).
"""

from __future__ import annotations

from zoox_prediction.evaluation.protocol import ProtocolConfig
from zoox_prediction.evaluation.score_sums import MetricsConfig
from zoox_prediction.prediction.scene_history import SceneHistoryConfig
from zoox_prediction.recording.datasets.eth_ucy import DATASET, DRONE_DATASET, SCENES
from zoox_prediction.recording.log import RecordedLog

STEP_S = 0.4
NUM_OBSERVED = 8
HORIZON_S = 4.8


def protocol_config(num_modes: tuple[int, ...] = (1, 6)) -> ProtocolConfig:
    """The benchmark's numbers: every step is a scene, scored at 4.8 s."""
    return ProtocolConfig(
        start_s=(NUM_OBSERVED - 1) * STEP_S,
        interval_s=STEP_S,
        min_past_s=(NUM_OBSERVED - 1) * STEP_S,
        time_step_s=STEP_S,
        whole_truth=True,
        history=SceneHistoryConfig(past_s=NUM_OBSERVED * STEP_S),
        metrics=MetricsConfig(horizons_s=(HORIZON_S,), num_modes=num_modes, compliance_step_s=STEP_S, overlap=False),
    )


def is_of_benchmark(log: RecordedLog) -> bool:
    """Whether the recording is scored in this protocol."""
    return log.dataset in (DATASET, DRONE_DATASET)


def dataset_of(log: RecordedLog) -> str:
    """Under which name it is scored: ETH/UCY's table has a line for every scene."""
    return log.dataset if log.dataset == DRONE_DATASET else f"{DATASET}/{SCENES.get(log.name, log.name)}"
