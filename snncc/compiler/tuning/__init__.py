# SPDX-License-Identifier: Apache-2.0
"""What to choose for each layer, and how many time steps to take: by the error of the network's output."""
