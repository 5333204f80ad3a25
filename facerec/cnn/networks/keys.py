"""How torchvision, facenet-pytorch and timm name the weights of the networks that they share with this package.

A renaming is a list of (pattern, replacement) for `re.sub`, applied one after the other to every key. No tensor
changes its shape or its values, so a published state dict loads as it is.
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
    """Who publishes a network, under which name, and what turns its keys into ours."""

    publisher: str
    theirs: str
    rules: tuple[Rule, ...] = ()

    def __call__(self, key: str) -> str:
        """Our name of one weight.

        >>> RENAMINGS["resnet50"]("layer1.0.conv2.weight")
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
SE_RESNET: tuple[Rule, ...] = (*RESNET, (r"(_x\.\d+)\.se\.", r"\1.residual.3."))
MOBILENET: tuple[Rule, ...] = (
    (r"^conv_stem\.", "conv1.0."),
    (r"^bn1\.", "conv1.1."),
    *(
        (rf"^blocks\.{stage}\.{place}\.", f"features.{first + place}.")  # they count anew in each stage
        for stage, first, depth in ((0, 0, 1), (1, 1, 2), (2, 3, 2), (3, 5, 6), (4, 11, 2))
        for place in range(depth)
    ),
    (r"\.conv_dw\.", ".depthwise.0."),
    (r"^(features.*)\.bn1\.", r"\1.depthwise.1."),
    (r"\.conv_pw\.", ".pointwise.0."),
    (r"\.bn2\.", ".pointwise.1."),
    (r"^classifier\.", "fc."),
)
XCEPTION: tuple[Rule, ...] = (
    *((rf"^block{place + 1}\.", f"entry_flow.{place}.") for place in range(3)),
    *((rf"^block{place + 4}\.", f"middle_flow.{place}.") for place in range(8)),
    (r"^block12\.", "exit_flow.0."),
    (r"^conv3\.", "exit_flow.1."),
    (r"^bn3\.", "exit_flow.1.norm."),
    (r"^conv4\.", "exit_flow.3."),
    (r"^bn4\.", "exit_flow.3.norm."),
    (r"^(conv[12])\.", r"\1.0."),
    (r"^bn([12])\.", r"conv\1.1."),
    (r"\.skip\.", ".shortcut.0."),
    (r"\.skipbn\.", ".shortcut.1."),
    *((rf"^entry_flow\.0\.rep\.{3 * i}\.", f"entry_flow.0.residual.{2 * i}.") for i in range(2)),
    *((rf"^entry_flow\.0\.rep\.{3 * i + 1}\.", f"entry_flow.0.residual.{2 * i}.norm.") for i in range(2)),
    *((rf"\.rep\.{3 * i + 1}\.", f".residual.{2 * i + 1}.") for i in range(3)),
    *((rf"\.rep\.{3 * i + 2}\.", f".residual.{2 * i + 1}.norm.") for i in range(3)),
    (r"\.conv1\.", ".depthwise."),
)
RENAMINGS: dict[str, Renaming] = {
    "alexnet_one_tower": Renaming("torchvision", "alexnet"),
    "vgg16": Renaming("torchvision", "vgg16"),
    "vgg19": Renaming("torchvision", "vgg19"),
    "googlenet_bn": Renaming("torchvision", "googlenet", GOOGLENET),
    "inception_v3": Renaming("torchvision", "inception_v3", INCEPTION_V3),
    "resnet34": Renaming("torchvision", "resnet34", RESNET),
    "resnet50": Renaming("torchvision", "resnet50", RESNET),
    "resnet152": Renaming("torchvision", "resnet152", RESNET),
    "squeezenet": Renaming("torchvision", "squeezenet1_0", SQUEEZENET),
    "mobilenet_v2": Renaming("torchvision", "mobilenet_v2", MOBILENET_V2),
    "efficientnet_b0": Renaming("torchvision", "efficientnet_b0", EFFICIENTNET),
    "inception_resnet_v1": Renaming("facenet-pytorch", "InceptionResnetV1", FACENET),
    "se_resnet50": Renaming("timm", "seresnet50", SE_RESNET),
    "mobilenet": Renaming("timm", "mobilenetv1_100", MOBILENET),
    "xception": Renaming("timm", "legacy_xception", XCEPTION),
}


def renamed(name: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A publisher's state dict of a network, under the keys of the network that `create(name)` builds.

    The tensors are shared, not copied. Raises InvalidInput for a network whose publisher's keys are not known.
    """
    if name not in RENAMINGS:
        raise InvalidInput(f"no published weights of {name!r} can be renamed; of these: {', '.join(RENAMINGS)}")
    return {RENAMINGS[name](key): tensor for key, tensor in state.items()}
