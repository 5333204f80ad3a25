"""Networks with published weights: where these lie, their digests, and how pictures are prepared for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from facerec.cache.download import fetch
from facerec.cache.kept import cache_folder
from facerec.cnn import imagenet
from facerec.cnn.classifier import Classifier
from facerec.cnn.networks import create, published
from facerec.cnn.networks.keys import RENAMINGS, renamed
from facerec.cnn.preparation import CAFFE, CENTRED, IMAGENET, Preparation, plain
from facerec.cnn.weight_files import State, read_published, read_state
from facerec.errors import DamagedFile, InvalidInput, MissingPart

PLACE = "https://download.pytorch.org/models/"


@dataclass(frozen=True, slots=True)
class Published:
    """torchvision's weights of a network (IMAGENET1K_V1); a file's name holds the first digits of its digest."""

    file: str
    digest: str
    preparation: Preparation = IMAGENET

    @property
    def url(self) -> str:
        return PLACE + self.file


PUBLISHED: dict[str, Published] = {
    "alexnet_one_tower": Published(
        "alexnet-owt-7be5be79.pth", "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
    ),
    "vgg16": Published("vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    "vgg19": Published("vgg19-dcbb9e9d.pth", "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"),
    "googlenet_bn": Published(
        "googlenet-1378be20.pth", "1378be20a8e875cf1568b8a71654e704449655e34711a959a38b04fb34905cef", CENTRED
    ),
    "inception_v3": Published(
        "inception_v3_google-0cc3c7bd.pth",
        "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
        replace(CENTRED, resize=342, crop=299),
    ),
    "resnet34": Published("resnet34-b627a593.pth", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f"),
    "resnet50": Published("resnet50-0676ba61.pth", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"),
    "resnet152": Published(
        "resnet152-394f9c45.pth", "394f9c45966e3651a89bbb78a48410a6755854ce4a5ab64927cf1c7247f85e58"
    ),
    "mobilenet_v2": Published(
        "mobilenet_v2-b0353104.pth", "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
    ),
    "efficientnet_b0": Published(
        "efficientnet_b0_rwightman-7f5810bc.pth",
        "7f5810bc96def8f7552d5b7e68d53c4786f81167d28291b21c0d90e1fca14934",
        replace(IMAGENET, interpolation="bicubic"),
    ),
}
TRUSTED = {entry.digest: entry.file for entry in PUBLISHED.values()}


def open_classifier(
    name: str, weights: Path | None = None, classes: int | None = None, channels: int | None = None
) -> Classifier:
    """The named network with its published weights, fetched once into the cache, or with those of a file.

    A file may hold our names of the weights, torchvision's, or for SqueezeNet its authors'; one that
    `facerec cnn train` wrote knows its classes and channels, any other has those that are given, or the published.
    Raises InvalidInput for an unknown network or weights that do not fit it, MissingPart where the weights are not
    here and cannot be fetched.
    """
    entry = published(name)
    shape = (entry.classes if classes is None else classes, entry.channels if channels is None else channels)
    if weights is None:
        return foreign_classifier(name, *fetched(name), *shape)
    state, facts = read_state(weights, TRUSTED)
    if facts:
        return own_classifier(name, state, facts, weights)
    return foreign_classifier(name, state, str(weights), *shape)


def fetched(name: str) -> tuple[State, str]:
    """torchvision's weights, and its file's name. Raises MissingPart, with what to do, where there are none."""
    entry = PUBLISHED.get(name)
    if entry is None:
        raise MissingPart(
            f"no published weights of {name} are known (known: {', '.join(PUBLISHED)}): give a file with --weights"
        )
    try:
        content = fetch(entry.url, entry.digest)
    except MissingPart as error:
        place = cache_folder() / f"fetched-{entry.digest}"
        raise MissingPart(
            f"{error}. Get that file on a machine with a network, and give it as --weights {entry.file}, or put it at "
            f"{place}"
        ) from error
    return read_published(content, entry.digest, entry.file), entry.file


def foreign_classifier(name: str, state: State, source: str, classes: int, channels: int) -> Classifier:
    """Weights that nothing but their names tells of, and what their classes are called."""
    found, preparation = recognised(name, state, source, classes, channels)
    return classifier_of(name, found, preparation, names_of(classes), channels)


def recognised(name: str, state: State, source: str, classes: int, channels: int) -> tuple[State, Preparation]:
    """Weights under our names, and their preparation: the first way of naming that fits the network is theirs.

    Raises InvalidInput where none fits.
    """
    with torch.device("meta"):
        expected = create(name, classes, channels).state_dict()
    for spelling, preparation in spellings(name, channels):
        found = spelling(state)
        if found is not None and fits(found, expected):
            return found, preparation
    raise InvalidInput(f"{source} holds no weights of {name} for {classes} classes and {channels} channel(s)")


def own_classifier(name: str, state: State, facts: dict[str, Any], path: Path) -> Classifier:
    """Weights that `facerec cnn train` wrote, beside the names of the classes and the preparation."""
    names, preparation = own_facts(name, facts, path)
    return classifier_of(name, state, preparation, names, len(preparation.means))


def own_facts(name: str, facts: dict[str, Any], path: Path) -> tuple[tuple[str, ...], Preparation]:
    """The names of the classes and the preparation that stand in a file of ours, which must be of that network."""
    try:
        given: dict[str, Any] = facts["preparation"]
        how = dict[str, Any]({k: tuple(value) if isinstance(value, list) else value for k, value in given.items()})
        network, names, preparation = str(facts["network"]), tuple(map(str, facts["names"])), Preparation(**how)
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{path} does not say what its classes are ({error!r})") from error
    if network != name:
        raise InvalidInput(f"{path} holds weights of {network}, not of {name}")
    return names, preparation


def classifier_of(
    name: str, state: State, preparation: Preparation, names: tuple[str, ...], channels: int
) -> Classifier:
    """A network filled with weights. Raises InvalidInput where one is missing, left over or of another shape."""
    net = create(name, len(names), channels)
    try:
        net.load_state_dict(state)
    except RuntimeError as error:  # torch's word for names or shapes that differ
        raise InvalidInput(f"these are not the weights of {name}: {' '.join(str(error).split())[:200]}") from error
    return Classifier(net.eval(), preparation, names)


def names_of(classes: int) -> tuple[str, ...]:
    """ImageNet's names for 1,000 classes, numbers for any other."""
    return imagenet.class_names() if classes == imagenet.CLASSES else tuple(map(str, range(classes)))


def fits(state: State, expected: dict[str, torch.Tensor]) -> bool:
    """Whether every weight of the network is there in its shape, and nothing else; counters of batches may lack."""
    counters = {key for key in expected if key.endswith("num_batches_tracked")}
    shapes = {key: value.shape for key, value in expected.items()}
    alike = all(shapes.get(key) == value.shape for key, value in state.items())
    return alike and shapes.keys() - state.keys() <= counters


Spelling = Callable[[State], State | None]


def spellings(name: str, channels: int) -> list[tuple[Spelling, Preparation]]:
    """Whose names a file's weights may bear, and how pictures are prepared for weights that bear them.

    Weights under our own names that say nothing of themselves take levels 0..1, as fresh ones do.
    """
    ways: list[tuple[Spelling, Preparation]] = []
    if name == "squeezenet":
        ways.append((caffe_squeezenet, CAFFE))
    theirs = PUBLISHED[name].preparation if name in PUBLISHED else IMAGENET
    if name in RENAMINGS and RENAMINGS[name].publisher == "torchvision":
        ways.append((lambda state: renamed(name, state), theirs))
    ways.append((dict, plain(published(name).size, channels)))
    return ways


def caffe_squeezenet(state: State) -> State | None:
    """SqueezeNet's authors' names as ours: each fire module squeezes, then expands 1x1 and 3x3; None for others.

    Both name their layers in the order of the forward pass.
    """
    fires = [f"fire{number}.{part}" for number in range(2, 10) for part in ("conv1x1_1", "conv1x1_2", "conv3x3_2")]
    theirs = [f"{layer}.{kind}" for layer in ("conv1", *fires, "conv_final") for kind in ("weight", "bias")]
    if sorted(theirs) != sorted(state):
        return None
    with torch.device("meta"):
        ours = create("squeezenet").state_dict()
    return {key: state[their] for key, their in zip(ours, theirs, strict=True)}
