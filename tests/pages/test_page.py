import pytest
from jinja2 import UndefinedError

from facerec.pages import render


def test_text_from_outside_is_escaped_everywhere():
    page = render("plain.html", title="<script>a</script>", body='"><img src=x>')
    assert "<script>" not in page and "<img" not in page


def test_a_value_nobody_gave_is_an_error():
    with pytest.raises(UndefinedError):
        render("plain.html", title="a")


def test_a_page_may_fetch_nothing():
    assert "default-src 'none'" in render("plain.html", title="a", body="b")
