# SPDX-License-Identifier: Apache-2.0
"""What is built on the compiler and the evaluation."""
