# SPDX-License-Identifier: Apache-2.0
"""Scales and BatchNormalization are folded into weights or thresholds; it is still the same ReLU network."""
