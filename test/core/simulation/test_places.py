"""Where people cross without a crosswalk, and where they come because the ego does."""

from __future__ import annotations

import numpy as np
import pytest

from zoox_prediction.simulation.busy_streets import BusyStreets
from zoox_prediction.simulation.places import Places
from zoox_prediction.simulation.town import Town, TownConfig, generate_town

pytest.importorskip("sumo", reason="needs SUMO: pip install 'zoox_prediction[sim]'")


@pytest.fixture(scope="module", params=[False, True], ids=["right", "left"])
def town(request, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return generate_town(24, tmp_path_factory.mktemp("town"), TownConfig(left_hand=request.param))


def test_sites_lead_straight_across_the_road_to_the_opposite_sidewalk(town):
    places = Places(town.net_path)
    import sumolib

    net = sumolib.net.readNet(str(town.net_path))
    assert len(places.crossing_sites) > 20
    for site in places.crossing_sites:
        assert 22.0 - 1e-6 <= site.first_m < site.last_m <= site.near.length_m - 22.0 + 1e-6
        for share in (0.0, 0.4, 1.0):
            way, kerb_m, far_m = site.way(site.place_m(share), 5.0, 5.0, 0.0)
            across = way[2] - way[1]
            ahead = way[1] - way[0]
            width = float(np.linalg.norm(across))
            assert 7.0 < width < 23.0 and abs(across @ ahead) < 0.25 * width * np.linalg.norm(ahead)
            assert 0.0 < kerb_m < far_m
            # The traffic of the near sidewalk's edge is between both.
            lane = np.array(net.getEdge(site.near.edge).getLanes()[-1].getShape())[:, :2]

            assert _distance(lane, way[1], way[2]) < 0.1


def _distance(line: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    import shapely

    return float(shapely.LineString(line).distance(shapely.LineString([start, end])))


def test_roads_whose_edges_are_split_before_junctions_have_sites(town):
    places = Places(town.net_path)
    near = {site.near.edge for site in places.crossing_sites}
    split = {edge for edge in near if places.reverse(edge) is None}
    assert split & set(town.main_edges)


def test_the_ego_is_expected_along_its_route_one_street_after_the_other(town):
    places = Places(town.net_path)
    route = [town.entry_edges[0]]
    while len(route) < 8:
        inner = [each for each in places.onward(route[-1]) if each not in town.exit_edges]
        route.append(inner[0])
    busy = BusyStreets(places, route, 20.0)
    early, later = busy.nearness(route, -18.0), busy.nearness(route, 60.0)
    assert np.argmax(early) == 0 and np.argmax(later) > 1 and early.max() <= 1.0
    assert early.tolist() != busy.nearness(route, 0.0).tolist() != later.tolist()
    streets = [each.edge for each in places.sidewalks]
    near = busy.nearness(streets, -12.0) > 0.3
    assert 0 < near.sum() < 0.3 * len(streets)

    def share_near(share: float) -> float:
        return float(np.mean([near[busy.draw(np.random.default_rng(k), streets, -12.0, share)] for k in range(400)]))

    assert share_near(0.0) < share_near(0.5) - 0.15 < share_near(1.0) - 0.3
    # On the other side of the street too.
    across = [site.far.edge for site in places.crossing_sites if site.near.edge == route[0]]
    assert all(busy.nearness(across, -18.0) == early[0])
