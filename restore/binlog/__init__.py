"""The binary log after a base backup: streamed from the source, shipped as chained segments, replayed on the target."""
