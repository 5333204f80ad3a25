"""The command line: parse, call, print. No loop, no threshold and no file format lives here.

Exit status as grep's: 0 match or found or done, 1 no match or unknown, 2 could not answer, with the reason said aloud.
"""

from facerec.cli.main import main

__all__ = ["main"]
