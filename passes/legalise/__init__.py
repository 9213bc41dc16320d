# SPDX-License-Identifier: Apache-2.0
"""Every activation is one node that a neuron can stand for."""
