# SPDX-License-Identifier: Apache-2.0
"""Replace activations by neurons, encoders, recurrent Scans, and analog ops between decoder and encoder."""
