"""Delivery: how outputs are produced and offsets committed, so that each input has its outputs."""

from profiler.worker.delivery.limits import OutputLimits
from profiler.worker.delivery.opening import open_delivery
from profiler.worker.delivery.protocol import Checkpoint, Delivery, merged

__all__ = ["Checkpoint", "Delivery", "OutputLimits", "merged", "open_delivery"]
