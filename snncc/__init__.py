# SPDX-License-Identifier: Apache-2.0
"""snncc compiles a trained ReLU network, given as ONNX, into a spiking network, given as ONNX."""
