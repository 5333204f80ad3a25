"""The inference engine: an ONNX graph becomes a callable on arrays. The only home of onnxruntime.

Another engine would take its place behind `open_graph`; docs/results/encoder.md says why it is this one.
"""

from facerec.runtime.graph import Graph, device, open_graph, use

__all__ = ["Graph", "device", "open_graph", "use"]
