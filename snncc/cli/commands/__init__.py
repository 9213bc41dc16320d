# SPDX-License-Identifier: Apache-2.0
"""The commands, one a file: each reads its options, calls the library once and prints what came back."""
