# SPDX-License-Identifier: Apache-2.0
"""Fold scales and BatchNormalization into weights or thresholds; the network remains an equivalent ReLU network."""
