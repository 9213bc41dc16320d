# SPDX-License-Identifier: Apache-2.0
"""The passes that come first, whatever the coding: of the many ways to write a network down, they leave a few."""

from __future__ import annotations

from snncc.passes.base import Pass
from snncc.passes.canonicalise.ceilings_behind_relus import CeilingsBehindRelus
from snncc.passes.canonicalise.fold_expanded_constants import PlaceConstants
from snncc.passes.canonicalise.fuse_aggregation import FuseAggregation
from snncc.passes.canonicalise.lower_einsum import LowerEinsum
from snncc.passes.canonicalise.recognise_relu import RecogniseRelus
from snncc.passes.canonicalise.remove_identity import RemoveIdentity
from snncc.passes.canonicalise.remove_redundant_relu import MergeRelus
from snncc.passes.canonicalise.settle_masks import SettleMasks
from snncc.passes.canonicalise.simplify_arithmetic import SimplifyArithmetic
from snncc.passes.canonicalise.spell_bounds import SpellBounds
from snncc.passes.canonicalise.split_to_slices import JoinTiles, SliceSplits
from snncc.passes.canonicalise.unify_float_type import OneFloatType
from snncc.passes.canonicalise.where_to_mul import MasksToFactors

__all__ = ["spelling"]


def spelling() -> tuple[Pass, ...]:
    """What every network goes through on its way in."""
    return (
        OneFloatType(),  # half precision here and there is none
        RemoveIdentity(),  # exporters' leftovers hide what stands next to what
        FuseAggregation(),  # sums over the edges of a graph are one op
        SliceSplits(),  # parts are slices
        JoinTiles(),  # and copies stand side by side
        LowerEinsum(),  # sums of products by constants are matrix products
        PlaceConstants(),  # a constant for each sample is a bias
        MasksToFactors(),  # masks are factors
        SimplifyArithmetic(),  # one spelling each for sums and factors
        SettleMasks(),  # whose infinities go to the end
        RecogniseRelus(),  # however they are put together
        SpellBounds(),  # one spelling for bounds, and none for those that do nothing
        CeilingsBehindRelus(),  # ReLU6, too
        MergeRelus(),  # one layer of neurons where one will do
    )
