# SPDX-License-Identifier: Apache-2.0
"""Tables of few-spikes neurons for activations other than ReLU: what they compute, how they are fitted, what ships."""
