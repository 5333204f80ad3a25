"""What each pixel shows: U-Net, fully convolutional networks, and masks of single things.

`open_segmenter` and `overlay` need no torch; training and everything that builds a network does.
"""
