"""The features of a trained `small_vgg_bn` into the package, in float16, with their card.

    python scripts/pack_style_features.py RUN FOLDER

RUN is what `facerec cnn train scripts/style_features.toml -o RUN` wrote; FOLDER is facerec/style/weights.
"""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facerec.cnn.networks import create
from facerec.digest import sha256
from facerec.style.features import features_of
from facerec.style.packaged import CARD, WEIGHTS

SETTINGS = Path(__file__).parent / "style_features.toml"
DATA = {
    "drawn": "textures drawn by scripts/style_pictures.py: 8 kinds in 4 directions and 10 kinds in 3 palettes",
    "street": "CamVid, training pictures at 320x240, patches by the thing that covers most of them",
    "cell": "BCCD (MIT), training pictures, the square around each box",
    "membrane": "ISBI 2012 (MIT), 20 of the 30 training pictures",
    "face": "parts of faces of pins, CelebA, Glint360K (training split), UTKFace, All-Age-Faces and SCUT-FBP5500",
}


def folded(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The features of `small_vgg_bn` as those of `small_vgg`: each batch norm becomes part of its convolution."""
    net, plain = create("small_vgg_bn", len(weights["classifier.bias"])), create("small_vgg")
    net.load_state_dict(weights)
    layers = list(features_of(net.eval()))
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d):
            layers[index] = fuse_conv_bn_eval(layer, layers[index + 1])
    kept = [layer for layer in layers if not isinstance(layer, nn.BatchNorm2d)]
    plain.get_submodule("features").load_state_dict(nn.Sequential(*kept).state_dict())
    return {name: value for name, value in plain.state_dict().items() if name.startswith("features.")}


def main(run: Path, folder: Path) -> None:
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    settings = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))
    with (run / "log.csv").open(newline="", encoding="utf-8") as handle:
        epochs = list(csv.DictReader(handle))
    state = {name: value.half().contiguous() for name, value in folded(load_file(run / "weights.safetensors")).items()}
    content = save(state)
    card = {
        "name": "features of small_vgg for style",
        "sha256": sha256(content),
        "bytes": len(content),
        "parameters": sum(value.numel() for value in state.values()),
        "command": "FACEREC_DATA=DIR scripts/train_style_features",
        "task": f"{len(report['classes'])} classes of 64x64 patches",
        "data": DATA,
        "settings": settings,
        "epochs": len(epochs),
        "seconds": round(report["seconds"]),
        "accuracy": report["accuracy"],
        "tested_on": report["tested_on"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(content)
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{len(content):,} bytes in {folder / WEIGHTS}, sha256 {card['sha256']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
