"""How torchvision and facenet-pytorch name the weights of the networks that they share with this package.

A renaming is a list of (pattern, replacement) for `re.sub`, applied one after the other to every key. No tensor changes
its shape or its values, so a published state dict loads as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from facerec.errors import InvalidInput

Rule = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Renaming:
    """The other side's name of a network, and what turns its keys into ours."""

    theirs: str
    rules: tuple[Rule, ...] = ()

    def __call__(self, key: str) -> str:
        """Our name of one weight.

        >>> TORCHVISION["resnet50"]("layer1.0.conv2.weight")
        'conv2_x.0.residual.1.0.weight'
        """
        for pattern, replacement in self.rules:
            key = re.sub(pattern, replacement, key)
        return key


PAIRED: tuple[Rule, ...] = ((r"\.conv\.(weight|bias)$", r".0.\1"), (r"\.bn\.", ".1."))
"""They name the two halves of a unit, conv and bn; we number them."""
RESNET: tuple[Rule, ...] = (
    (r"^conv1\.", "conv1.0."),
    (r"^bn1\.", "conv1.1."),
    (r"^layer1\.", "conv2_x."),
    (r"^layer2\.", "conv3_x."),
    (r"^layer3\.", "conv4_x."),
    (r"^layer4\.", "conv5_x."),
    (r"(_x\.\d+)\.conv1\.", r"\1.residual.0.0."),
    (r"(_x\.\d+)\.bn1\.", r"\1.residual.0.1."),
    (r"(_x\.\d+)\.conv2\.", r"\1.residual.1.0."),
    (r"(_x\.\d+)\.bn2\.", r"\1.residual.1.1."),
    (r"(_x\.\d+)\.conv3\.", r"\1.residual.2.0."),
    (r"(_x\.\d+)\.bn3\.", r"\1.residual.2.1."),
    (r"\.downsample\.", ".shortcut."),
)
GOOGLENET: tuple[Rule, ...] = (
    (r"^(conv\d|inception3.|inception4a)\.", r"lower.\1."),
    (r"^(inception4[bcd])\.", r"middle.\1."),
    (r"^(inception4e|inception5.)\.", r"upper.\1."),
    *PAIRED,
)
INCEPTION_V3: tuple[Rule, ...] = (
    (r"^Conv2d_(\d.)_\dx\d\.", r"lower.conv_\1."),
    (r"^Mixed_([56].)\.", r"lower.mixed_\1."),
    (r"^Mixed_(7.)\.", r"upper.mixed_\1."),
    (r"^AuxLogits\.", "aux."),
    (r"\.branch3x3_2([ab])\.", r".branch3x3.1.\1."),
    (r"\.branch3x3dbl_3([ab])\.", r".branch3x3dbl.2.\1."),
    (r"\.branch_pool\.", ".branch_pool.1."),
    *((rf"_{place + 1}\.", rf".{place}.") for place in range(5)),  # a branch's first layer is our number 0
    *PAIRED,
)
SQUEEZENET: tuple[Rule, ...] = (
    (r"\.squeeze\.", ".squeeze.0."),
    (r"\.(expand\dx\d)\.", r".expand.\1.0."),
)
MOBILENET_V2: tuple[Rule, ...] = (
    (r"^(features\.1)\.conv\.0\.", r"\1.depthwise."),  # the first block does not widen
    (r"^(features\.1)\.conv\.1\.", r"\1.project.0."),
    (r"^(features\.1)\.conv\.2\.", r"\1.project.1."),
    (r"\.conv\.0\.", ".expand."),
    (r"\.conv\.1\.", ".depthwise."),
    (r"\.conv\.2\.", ".project.0."),
    (r"\.conv\.3\.", ".project.1."),
)
EFFICIENTNET: tuple[Rule, ...] = (
    (r"^(features\.1\.0)\.block\.0\.", r"\1.depthwise."),  # the first block does not widen
    (r"^(features\.1\.0)\.block\.1\.", r"\1.squeeze."),
    (r"^(features\.1\.0)\.block\.2\.", r"\1.project."),
    (r"\.block\.0\.", ".expand."),
    (r"\.block\.1\.", ".depthwise."),
    (r"\.block\.2\.", ".squeeze."),
    (r"\.block\.3\.", ".project."),
)
FACENET: tuple[Rule, ...] = (
    (r"^conv2d_(\d.)\.", r"conv_\1."),
    (r"^repeat_1\.", "blocks_a."),
    (r"^repeat_2\.", "blocks_b."),
    (r"^repeat_3\.", "blocks_c."),
    (r"^block8\.", "blocks_c.5."),
    (r"^mixed_6a\.", "reduction_a."),
    (r"^mixed_7a\.", "reduction_b."),
    (r"^(blocks_.\.\d+)\.branch", r"\1.branches.branch"),
    (r"\.conv2d\.", ".project."),
    (r"^last_linear\.", "embedding."),
    (r"^last_bn\.", "norm."),
    *PAIRED,
)
TORCHVISION: dict[str, Renaming] = {
    "alexnet_one_tower": Renaming("alexnet"),
    "vgg16": Renaming("vgg16"),
    "vgg19": Renaming("vgg19"),
    "googlenet_bn": Renaming("googlenet", GOOGLENET),
    "inception_v3": Renaming("inception_v3", INCEPTION_V3),
    "resnet34": Renaming("resnet34", RESNET),
    "resnet50": Renaming("resnet50", RESNET),
    "resnet152": Renaming("resnet152", RESNET),
    "squeezenet": Renaming("squeezenet1_0", SQUEEZENET),
    "mobilenet_v2": Renaming("mobilenet_v2", MOBILENET_V2),
    "efficientnet_b0": Renaming("efficientnet_b0", EFFICIENTNET),
}
FACENET_PYTORCH: dict[str, Renaming] = {"inception_resnet_v1": Renaming("InceptionResnetV1", FACENET)}


def from_torchvision(name: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """torchvision's state dict of a network, under the keys of the network that `create(name)` builds.

    The tensors are shared, not copied. Raises InvalidInput where torchvision does not have the network.
    """
    if name not in TORCHVISION:
        raise InvalidInput(f"torchvision has no {name!r}; it has: {', '.join(TORCHVISION)}")
    return {TORCHVISION[name](key): tensor for key, tensor in state.items()}
