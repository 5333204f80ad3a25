"""Finding things in photos and videos with any detector, and showing what was found."""

from facerec.finding.finder import Finder, open_finder
from facerec.finding.showing import answers_of, drawn, place_for, ready_folder, table_of

__all__ = ["Finder", "answers_of", "drawn", "open_finder", "place_for", "ready_folder", "table_of"]
