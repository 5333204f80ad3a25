"""HTML pages that stand alone: one file, pictures inside, nothing fetched. The only home of jinja2."""

from facerec.pages.page import picture, render

__all__ = ["picture", "render"]
