# SPDX-License-Identifier: Apache-2.0
"""Rewrite every activation as one node that a neuron can replace."""
