# SPDX-License-Identifier: Apache-2.0
"""The commands, one per file: each reads its options, calls the library once and prints the result."""
