"""The inference engine: an ONNX graph becomes a callable on arrays. The only home of onnxruntime.

Another engine would take its place behind `open_graph`; docs/results/encoder.md says why it is this one.
"""

from facerec.runtime.graph import Graph, open_graph, use

__all__ = ["Graph", "open_graph", "use"]
