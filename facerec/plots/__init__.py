"""Plots of measurements, as PNG: the only home of matplotlib. Importing this loads it, which takes a second."""
