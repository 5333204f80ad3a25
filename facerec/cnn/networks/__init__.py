"""The classic networks, one short file each."""

from facerec.cnn.networks.heads import ManyHeads, training_outputs
from facerec.cnn.networks.registry import NETWORKS, Network, create, published

__all__ = ["NETWORKS", "ManyHeads", "Network", "create", "published", "training_outputs"]
