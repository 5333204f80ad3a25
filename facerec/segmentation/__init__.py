"""What each pixel shows: U-Net, fully convolutional networks, and masks of single things by Mask R-CNN.

`segmenter`, `overlay`, `masks`, `data` and `evaluating` need no torch; what builds or trains a network does.
"""
