# SPDX-License-Identifier: Apache-2.0
"""Graph to graph, one rewrite a file; `pipeline` lists them in order."""
