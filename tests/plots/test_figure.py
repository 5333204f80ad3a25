from facerec import images
from facerec.plots.figure import new_figure, png, save


def test_equal_figures_are_equal_bytes_and_a_picture_that_opens(tmp_path):
    written = []
    for _ in range(2):
        figure = new_figure()
        figure.add_subplot().plot([0, 1], [1, 0])
        written.append(png(figure))
    save(figure, tmp_path / "plot.png")
    assert written[0] == written[1] == (tmp_path / "plot.png").read_bytes()
    assert images.decode(written[0], name="plot").shape == (462, 704, 3)
