"""Every trunk by name, and what all of them are asked: fresh weights, stored weights, a table of their layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from facerec.cnn.summary import Summary, summarise
from facerec.errors import InvalidInput
from facerec.faces.trunks.deepface import deepface
from facerec.faces.trunks.inception_resnet import inception_resnet_v1
from facerec.faces.trunks.mobile import mobile
from facerec.faces.trunks.openface import nn4_small2
from facerec.faces.trunks.residual import ResidualTrunk
from facerec.faces.trunks.resnet import resnet34, se_resnet50
from facerec.faces.trunks.trunk import Trunk

TRUNKS: dict[str, Callable[[], Trunk]] = {
    "residual": ResidualTrunk,
    "mobile": mobile,
    "inception_resnet_v1": inception_resnet_v1,
    "nn4_small2": nn4_small2,
    "deepface": deepface,
    "resnet34": resnet34,
    "se_resnet50": se_resnet50,
}


def create_trunk(name: str) -> Trunk:
    """Build the named trunk with fresh weights. Raises InvalidInput listing the known names."""
    if name not in TRUNKS:
        raise InvalidInput(f"no trunk {name!r}; known: {', '.join(TRUNKS)}")
    return TRUNKS[name]()


def load_weights(trunk: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put stored weights into a trunk, of any precision. Raises InvalidInput where they are another network's."""
    require_own(trunk, weights)
    trunk.load_state_dict(dict(weights))


def require_own(trunk: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Raise InvalidInput unless the weights have the names and shapes of the trunk's own."""
    own, given = ({name: value.shape for name, value in w.items()} for w in (trunk.state_dict(), weights))
    if differing := sorted(name for name in own.keys() | given.keys() if own.get(name) != given.get(name)):
        raise InvalidInput(f"these weights are another network's: {len(differing)} differ, the first {differing[0]}")


def summarise_trunk(name: str, side: int | None = None) -> Summary:
    """The layers of the named trunk, its parameters and multiply-adds for a face of its own side or another.

    Nothing is computed and no memory taken. Raises InvalidInput for an unknown name or a side that it does not take.
    """
    with torch.device("meta"):
        trunk = create_trunk(name)
    return summarise(trunk, (3, *(2 * (trunk.side if side is None else side,))))
