"""Delivery: how outputs are produced and offsets committed, so that each input has its outputs."""

from profiler.worker.delivery.at_least_once import AtLeastOnce
from profiler.worker.delivery.protocol import Checkpoint, Delivery
from profiler.worker.delivery.timestamps import Timestamps

__all__ = ["AtLeastOnce", "Checkpoint", "Delivery", "Timestamps"]
