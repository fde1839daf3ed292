"""Chart geometry against positions worked out by hand, and well-formed SVG."""

from __future__ import annotations

import math
import re
from itertools import product
from xml.etree import ElementTree

import pytest

from tl.report.blocks import ConfidenceBin, Heatmap, PhaseBar, Series
from tl.report.charts import bars, interval_bar, line_chart, reliability, scatter
from tl.report.grids import heat_map, most_confused, rate_opacity, timeline, timeline_rows, worst_pairs
from tl.report.svg import Frame, honest_range, path, px, round_range, tick_text, ticks

PHASES = [
    PhaseBar(name="head", first=1, last=25, epochs=1, rates={"backbone.0": None, "head": 1e-2}),
    PhaseBar(name="all", first=26, last=100, epochs=3, rates={"backbone.0": 1e-4, "head": 1e-3}),
]


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def marks(svg: str, tag: str, kind: str) -> list[ElementTree.Element]:
    return [one for one in parse(svg).iter(tag) if kind in (one.get("class") or "").split()]


def words(svg: str) -> list[str]:
    return [one.text or "" for one in parse(svg).iter("text")]


def at(mark: ElementTree.Element, *names: str) -> tuple[float, ...]:
    return tuple(float(mark.get(name, "nan")) for name in names)


def test_a_frame_maps_its_edges_and_middle() -> None:
    frame = Frame(10, 20, 110, 220, x_low=0, x_high=50, y_low=-1, y_high=1)
    assert (frame.x(0), frame.x(50), frame.x(25)) == (10, 110, 60)
    assert (frame.y(-1), frame.y(1), frame.y(0.5)) == (220, 20, 70)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0, 600, 6, (0, 100, 200, 300, 400, 500, 600)),
        (0.31, 0.58, 5, (0.4, 0.5)),
        (-3, 7, 5, (-2, 0, 2, 4, 6)),
        (0, 0.3, 3, (0, 0.1, 0.2, 0.3)),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, expected: tuple[float, ...]) -> None:
    assert ticks(low, high, most) == expected


def test_ticks_of_steps_are_whole() -> None:
    assert ticks(0, 3, 8, whole=True) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.31, 0.58, (0.3, 0.6)), (0.1, 0.58, (0, 0.6)), (4, 4, (2, 6)), (0, 0, (-0.6, 0.6)), (-7, 12, (-10, 15))],
)
def test_a_range_widens_to_round_values(low: float, high: float, expected: tuple[float, float]) -> None:
    assert round_range(low, high) == expected


@pytest.mark.parametrize(
    ("low", "high", "share", "expected"),
    [
        (0.955, 0.96, True, (0, 1)),  # half a percent of accuracy is a small change
        (0.955, 0.96, False, (0, 0.96)),
        (38, 39, False, (0, 39)),
        (-0.02, 0.03, True, (-0.02, 0.03)),
        (-10.5, -10, False, (-11.3, -9.2)),  # 2.1, a fifth of 10.5
    ],
)
def test_an_axis_does_not_exaggerate(low: float, high: float, share: bool, expected: tuple[float, float]) -> None:
    assert honest_range(low, high, share=share) == pytest.approx(expected)


def test_a_small_gain_is_drawn_small() -> None:
    svg = line_chart([Series("accuracy", [(0, 0.955), (100, 0.96)])], title="Scores", share=True)
    first, last = (at(dot, "cy")[0] for dot in marks(svg, "circle", "dot"))
    assert first - last == pytest.approx((212 - 24) * 0.005, abs=0.02)


def test_tick_labels_have_the_decimals_of_their_step() -> None:
    assert [tick_text(v, 0.2) for v in (0, 0.2, -1)] == ["0.0", "0.2", "−1.0"]
    assert [tick_text(v, 0.05) for v in (0.05, 0.1)] == ["0.05", "0.10"]
    assert [tick_text(v, 500) for v in (0, 500, 1500, 12000)] == ["0", "500", "1.5k", "12k"]
    assert [tick_text(v, 2e-4) for v in (0, 2e-4, 1e-3)] == ["0", "2e-4", "1e-3"]


def test_coordinates_are_short() -> None:
    assert [px(v) for v in (1.0, 1.234, -0.001, 12.5, 100)] == ["1", "1.23", "0", "12.5", "100"]


def test_a_path_breaks_at_nan() -> None:
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, math.nan), (3.0, 4.0)]
    assert 'd="M0 1L1 2M3 4"' in path(points, "line")
    assert path([(0.0, math.nan)], "line") == ""


def test_a_line_chart_puts_points_where_hand_computation_does() -> None:
    # The plot spans x 46..424 for steps 0..100 and y 212..24 for 0..1.
    svg = line_chart([Series("accuracy", [(0, 0.0), (50, 0.5), (100, 1.0)])], title="Scores")
    assert [at(dot, "cx", "cy") for dot in marks(svg, "circle", "dot")] == [(46, 212), (235, 118), (424, 24)]
    assert marks(svg, "path", "line")[0].get("d") == "M46 212L235 118L424 24"
    assert {"0.0", "0.2", "1.0", "0", "100", "step"} <= set(words(svg))


def test_a_line_chart_of_one_point_or_none() -> None:
    assert marks(line_chart([Series("loss", [(1, 2.0)])], title="Loss"), "circle", "dot")
    assert line_chart([Series("loss", [(1, math.nan)])], title="Loss") == ""
    assert line_chart([], title="Loss") == ""


def test_phase_borders_stand_where_phases_end() -> None:
    svg = line_chart([Series("loss", [(1, 1.0), (100, 2.0)])], title="Loss", phases=PHASES)
    assert [at(one, "x1") for one in marks(svg, "line", "border")] == [(46 + 0.25 * 378,)]
    assert {"head", "all"} <= set(words(svg))
    assert not marks(line_chart([Series("loss", [(1, 1.0)])], title="L", phases=PHASES[:1]), "line", "border")


def test_bars_are_as_long_as_their_share_of_the_column() -> None:
    svg = bars(["cat", "dog"], {"train": {"cat": 40, "dog": 10}, "test": {"dog": 2}}, title="Samples")
    train, test = marks(svg, "rect", "s1"), marks(svg, "rect", "s2")
    assert [at(one, "width") for one in train] == [(110,), (27.5,)]
    assert [at(one, "width") for one in test] == [(0,), (110,)]
    assert "train, 50" in words(svg)
    assert [one.text for one in marks(svg, "text", "alarm")] == ["0"]


def test_reliability_draws_filled_bins_and_their_distance_from_the_diagonal() -> None:
    # The plot spans x 50..326 and y 230..10 for 0..1.
    empty = ConfidenceBin(low=0, high=0.5, count=0, confidence=math.nan, accuracy=math.nan)
    full = ConfidenceBin(low=0.5, high=1, count=8, confidence=0.75, accuracy=0.5)
    svg = reliability([empty, full], title="Reliability")
    assert [at(dot, "cx", "cy", "r") for dot in marks(svg, "circle", "dot")] == [(257, 120, 6)]
    assert [at(gap, "y1", "y2") for gap in marks(svg, "line", "gap")] == [(65, 120)]
    assert [at(one, "x", "width", "height") for one in marks(svg, "rect", "faint")] == [(189, 136, 55)]


def test_scatter_has_equal_axes_and_leaves_out_what_is_not_finite() -> None:
    # Both axes span 0..10: x 58..378, y 334..14.
    svg = scatter([0.0, 10.0, 5.0], [10.0, 5.0, math.nan], title="Predicted")
    assert [at(dot, "cx", "cy") for dot in marks(svg, "circle", "cloud")] == [(58, 14), (378, 174)]
    assert [at(one, "x1", "y1", "x2", "y2") for one in marks(svg, "line", "ideal")] == [(58, 334, 378, 14)]
    assert scatter([math.nan], [1.0], title="none") == ""


def test_interval_bar_spans_the_interval() -> None:
    # The scale spans x 8..232 for 0..1.
    svg = interval_bar(0.5, 0.25, 0.75, 0.125)
    assert [at(one, "x", "width") for one in marks(svg, "rect", "faint")] == [(64, 112)]
    assert [at(one, "cx") for one in marks(svg, "circle", "s1")] == [(120,)]
    assert [at(one, "x1") for one in marks(svg, "line", "guess")] == [(36,)]
    assert not marks(interval_bar(0.5, None, None, None), "rect", "faint")
    error = interval_bar(50.0, 25.0, 75.0, 100.0, 200.0)
    assert [at(one, "x", "width") for one in marks(error, "rect", "faint")] == [(36, 56)]
    assert [at(one, "x1") for one in marks(error, "line", "guess")] == [(120,)]
    assert {"0", "200", "guessing"} <= set(words(error))


def test_a_heat_map_colours_by_share_of_the_row() -> None:
    svg = heat_map(Heatmap(["a", "b"], {(0, 0): 3, (0, 1): 1, (1, 1): 2}), title="Confusion")
    right, wrong, none = (marks(svg, "rect", kind) for kind in ("heat", "miss", "none"))
    assert [one.get("fill-opacity") for one in right] == ["0.780", None]
    assert [one.get("fill-opacity") for one in wrong] == ["0.560"]
    assert len(none) == 1
    assert at(right[1], "x")[0] - at(right[0], "x")[0] == at(right[1], "y")[0] - at(right[0], "y")[0] == 64
    assert [one.text for one in marks(svg, "text", "on")] == ["3", "1", "2"]


@pytest.mark.parametrize("size", [2, 5, 12, 30])
def test_heat_map_cells_lie_inside_the_picture(size: int) -> None:
    names = [f"a rather long class name {i}" for i in range(size)]
    every = dict.fromkeys(product(range(size), repeat=2), 1)
    svg = heat_map(Heatmap(names, every), title="Confusion")
    width, height = (float(v) for v in parse(svg).get("viewBox", "").split()[2:])
    for cell in parse(svg).iter("rect"):
        x, y, side = at(cell, "x", "y", "width")
        assert 0 <= x <= width - side
        assert 0 <= y <= height - side
    assert len(list(parse(svg).iter("rect"))) == size * size


def test_the_most_confused_classes_are_kept_in_order() -> None:
    counts = {(0, 0): 9, (1, 1): 5, (1, 3): 4, (2, 2): 9, (2, 3): 1, (3, 3): 9}
    kept = most_confused(Heatmap(["a", "b", "c", "d"], counts), 2)
    assert list(kept.names) == ["b", "d"]
    assert kept.counts == {(0, 0): 5, (0, 1): 4, (1, 1): 9}
    assert worst_pairs(Heatmap(["a", "b", "c", "d"], counts)) == [("b", "d", 4), ("c", "d", 1)]


def test_the_timeline_spans_phases_and_deepens_with_the_rate() -> None:
    svg = timeline(PHASES, title="Timeline")
    frozen, learning = marks(svg, "rect", "frozen"), marks(svg, "rect", "heat")
    left = 22 + 7 * len("backbone.0")
    quarter = (846 - left) / 4
    assert [at(one, "x", "width") for one in frozen] == [(left + 0.75, pytest.approx(quarter - 1.5, abs=0.01))]
    # Head first (deepest part on top): 1e-2, 1e-3, then the backbone's 1e-4; a third of the log range each half.
    assert [one.get("fill-opacity") for one in learning] == [None, "0.625", "0.250"]
    assert at(learning[1], "x") == (pytest.approx(left + quarter + 0.75, abs=0.01),)
    assert timeline([], title="none") == ""


def test_timeline_rows_merge_only_alike_neighbours_of_deep_models() -> None:
    few = [PhaseBar(name="a", first=1, last=2, epochs=1, rates={"backbone.0": 1.0, "backbone.1": 1.0})]
    assert [row.name for row in timeline_rows(few)] == ["backbone.1", "backbone.0"]
    parts = {f"backbone.{i}": None if i < 6 else 1.0 for i in range(20)} | {"head": 1.0}
    deep = [PhaseBar(name="a", first=1, last=2, epochs=1, rates=parts)]
    assert [row.name for row in timeline_rows(deep)] == ["head", "backbone.6 to 19", "backbone.0 to 5"]


def test_depth_is_logarithmic() -> None:
    assert rate_opacity(1e-3, 1e-5, 1e-3) == 1
    assert rate_opacity(1e-4, 1e-5, 1e-3) == pytest.approx(0.625)
    assert rate_opacity(1e-5, 1e-5, 1e-3) == 0.25
    assert rate_opacity(0.0, 1.0, 1.0) == 0.12
    assert rate_opacity(1e-3, 1e-3, 1e-3) == 1


def test_no_two_ticks_share_a_label() -> None:
    for high in (1, 3, 7, 24, 100, 999, 12345, 1e6):
        svg = line_chart([Series("loss", [(0, 1.0), (high, high)])], title="Loss")
        across = [one.text for one in marks(svg, "text", "mid") if re.fullmatch(r"[\d.kMG]+", one.text or "")]
        assert len(across) == len(set(across)) >= 2
