"""The networks that turn an aligned face into an embedding: (B, 3, S, S) RGB in -1..1 -> (B, 128) rows of length 1."""

from facerec.faces.trunks.registry import TRUNKS, create_trunk, load_weights, summarise_trunk
from facerec.faces.trunks.residual import ResidualTrunk
from facerec.faces.trunks.trunk import Trunk

__all__ = ["TRUNKS", "ResidualTrunk", "Trunk", "create_trunk", "load_weights", "summarise_trunk"]
