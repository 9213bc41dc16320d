# SPDX-License-Identifier: Apache-2.0
"""Import ONNX models of any exporter as a canonical graph, or report every unsupported node."""
