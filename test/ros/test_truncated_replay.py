"""A recording that was cut off, played into the prediction node: all that is left is predicted, and it is told."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticStatus

from zoox_prediction.recording.generated import generate_recording
from zoox_prediction.recording.log import load_log


def test_what_is_left_of_a_truncated_bag_is_predicted_and_the_diagnostics_name_the_loss(
    start_node, start_process, wait_for, tmp_path
):
    bag = tmp_path / "crossroads"
    generate_recording(bag, seed=1, duration_s=10.0)
    (file,) = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    left = {agents.stamp_ns: set(agents.ids.tolist()) for agents in load_log(bag).agents}
    assert 20 < len(left) < 100

    peer = start_node(use_sim_time="true")
    parameters = (f"bag:={bag}", "rate:=0.5", "exit_at_end:=false", "wait_for_subscribers:=[/ground_truth/agents]")
    assignments = [word for parameter in parameters for word in ("-p", parameter)]
    remapped = ("-r", "/ground_truth/agents:=/tracked_agents")
    replay = start_process("-m", "zoox_prediction.nodes.replay_node", "--ros-args", *assignments, *remapped)
    wait_for(
        lambda: "replay: recording" in peer.statuses, timeout_s=60.0, what=f"the player, which wrote: {replay.output}"
    )
    assert peer.statuses["replay: recording"].level == DiagnosticStatus.WARN
    assert str(file) in peer.statuses["replay: recording"].message
    wait_for(
        lambda: peer.predictions and peer.predictions[-1].stamp_ns == max(left),
        timeout_s=60.0,
        what=f"the last prediction ({replay.output})",
    )
    predicted = {each.stamp_ns: set(each.ids.tolist()) for each in peer.predictions}
    assert predicted == left
    assert peer.process.end() == 0 and "Traceback" not in peer.process.output
