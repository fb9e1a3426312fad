"""Beam blocks that know no stage: batches, outputs of stages, side inputs, runners, radix select."""
