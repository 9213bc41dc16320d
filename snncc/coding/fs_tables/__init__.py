# SPDX-License-Identifier: Apache-2.0
"""Tables of few-spikes neurons for activations other than ReLU: evaluation, fitting, and the shipped tables."""
