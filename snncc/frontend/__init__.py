# SPDX-License-Identifier: Apache-2.0
"""From any exporter's ONNX to a canonical graph, or a list of every node in the way."""
