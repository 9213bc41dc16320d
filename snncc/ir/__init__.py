# SPDX-License-Identifier: Apache-2.0
"""The graph, helpers for nodes and models, op sets, metadata keys, function bodies."""
