# SPDX-License-Identifier: Apache-2.0
"""Tools built on the compiler and the evaluation."""
