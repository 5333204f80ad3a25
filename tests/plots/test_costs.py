"""A power is a straight line, and every curve has its name."""

from facerec.plots.costs import costs_against_size
from facerec.plots.figure import png


def test_each_curve_is_drawn_where_its_points_are() -> None:
    curves = {"linear": [(10, 1.0), (100, 10.0)], "flat": [(10, 3.0), (100, 3.0)]}
    figure = costs_against_size(curves, "Costs", "templates", "seconds")
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert drawn == {name: [list(point) for point in points] for name, points in curves.items()}
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert png(figure).startswith(b"\x89PNG")
